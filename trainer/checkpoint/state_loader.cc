#include "trainer/checkpoint/state_loader.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/mapped_tensor.h"

namespace atelier::trainer {
namespace {

constexpr size_t kMaxNamesListed = 20;

// Parameters and buffers of a module, by name.
std::map<std::string, Tensor> StateOf(const torch::nn::Module& module) {
  std::map<std::string, Tensor> state;
  for (const auto& entry : module.named_parameters()) {
    state[entry.key()] = entry.value();
  }
  for (const auto& entry : module.named_buffers()) {
    state[entry.key()] = entry.value();
  }
  return state;
}

bool MatchesAny(const std::vector<std::string>& patterns,
                const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) {
                       return MatchKey(pattern, name).has_value();
                     });
}

// Which names of the source give which names of the module.
absl::StatusOr<KeyMap::Plan> PlanNames(const CheckpointSource& source,
                                       const StateLoadOptions& options) {
  std::vector<std::string> names;
  for (const auto& [name, info] : source.index()) {
    if (!absl::StartsWith(name, options.prefix)) continue;
    std::string rest = name.substr(options.prefix.size());
    if (!MatchesAny(options.may_ignore, rest)) names.push_back(std::move(rest));
  }
  if (options.keys != nullptr) {
    return options.keys->MakePlan(names, options.direction);
  }
  KeyMap::Plan plan;
  for (const std::string& name : names) {
    plan.targets[name] = {KeyPiece{name, Rename(), 0, 1}};
  }
  return plan;
}

std::string ShapeText(at::IntArrayRef shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

void ListProblem(std::vector<std::string> names, absl::string_view what,
                 std::string& message) {
  if (names.empty()) return;
  const size_t count = names.size();
  if (count > kMaxNamesListed) {
    names.resize(kMaxNamesListed);
    names.push_back(absl::StrCat("and ", count - kMaxNamesListed, " more"));
  }
  absl::StrAppend(&message, message.empty() ? "" : "; ", count, " ", what, ": ",
                  absl::StrJoin(names, ", "));
}

class StateCopier {
 public:
  StateCopier(const CheckpointSource& source, const StateLoadOptions& options,
              const torch::nn::Module& module, KeyMap::Plan plan)
      : source_(source),
        options_(options),
        state_(StateOf(module)),
        plan_(std::move(plan)) {
    for (const auto& entry : module.named_parameters()) {
      parameters_.insert(entry.key());
    }
  }

  absl::Status CheckNamesAndShapes() const {
    std::vector<std::string> missing;
    std::vector<std::string> unexpected;
    std::vector<std::string> misshapen;
    for (const auto& [name, tensor] : state_) {
      if (plan_.targets.count(name) == 0 &&
          !MatchesAny(options_.may_miss, name)) {
        missing.push_back(absl::StrCat(name, " ", ShapeText(tensor.sizes())));
      }
    }
    for (const std::string& name : plan_.unmatched) unexpected.push_back(name);
    for (const auto& [target, pieces] : plan_.targets) {
      const auto found = state_.find(target);
      if (found == state_.end()) {
        unexpected.push_back(pieces[0].source);
        continue;
      }
      ASSIGN_OR_RETURN(const Tensor shape, Assemble(target, true));
      if (shape.sizes() != found->second.sizes()) {
        misshapen.push_back(
            absl::StrCat(pieces[0].source, " ", ShapeText(shape.sizes()),
                         ", expected ", ShapeText(found->second.sizes())));
      }
    }
    std::string message;
    ListProblem(missing, "missing", message);
    ListProblem(unexpected, "unexpected", message);
    ListProblem(misshapen, "of another shape", message);
    if (message.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(source_.path(), " does not fit ", options_.what,
                     options_.prefix.empty()
                         ? ""
                         : absl::StrCat(" (names after ", options_.prefix, ")"),
                     ": ", message));
  }

  absl::StatusOr<StateLoadResult> Copy() {
    StateLoadResult result;
    std::vector<std::string> not_finite;
    torch::NoGradGuard no_grad;
    for (const auto& [target, pieces] : plan_.targets) {
      std::vector<Tensor> stored;
      ASSIGN_OR_RETURN(const Tensor tensor, Assemble(target, false, &stored));
      Tensor& destination = state_.at(target);
      Fill(tensor, parameters_.contains(target), destination);
      if (destination.is_floating_point() && !IsFinite(destination)) {
        not_finite.push_back(options_.prefix + pieces[0].source);
      }
      for (const Tensor& part : stored) DropPages(part);
      for (const KeyPiece& piece : pieces) {
        result.loaded.push_back(options_.prefix + piece.source);
      }
    }
    if (!not_finite.empty()) {
      std::string message;
      ListProblem(not_finite, "of its weights are not finite", message);
      return absl::DataLossError(absl::StrCat(
          source_.path(), " cannot be used for ", options_.what, ": ", message,
          "; it holds nan or infinity, get another copy of the file"));
    }
    std::sort(result.loaded.begin(), result.loaded.end());
    result.loaded.erase(std::unique(result.loaded.begin(), result.loaded.end()),
                        result.loaded.end());
    return result;
  }

 private:
  // Gives the module's tensor its contents.
  void Fill(const Tensor& tensor, bool is_weight, Tensor& destination) const {
    torch::ScalarType type = destination.scalar_type();
    if (options_.keeps_types && is_weight && type == torch::kFloat32) {
      type = WideEnough(tensor.scalar_type());
    }
    const bool is_alike =
        tensor.scalar_type() == type && tensor.is_contiguous();
    if (is_alike && IsMapped(tensor) && destination.is_cpu()) {
      destination.set_data(tensor);
    } else if (type != destination.scalar_type()) {
      destination.set_data(tensor.to(destination.device(), type));
    } else {
      destination.copy_(tensor);
    }
  }

  // The smallest type that is computed with and holds every value of `stored`.
  static torch::ScalarType WideEnough(torch::ScalarType stored) {
    if (c10::isFloat8Type(stored)) return torch::kBFloat16;
    const bool is_half = stored == torch::kBFloat16 || stored == torch::kHalf;
    return is_half ? stored : torch::kFloat32;
  }

  // The tensor for one name of the module, made of those that are added to
  // `stored`; or one without contents, of its shape.
  absl::StatusOr<Tensor> Assemble(const std::string& target, bool shape_only,
                                  std::vector<Tensor>* stored = nullptr) const {
    const std::vector<KeyPiece>& pieces = plan_.targets.at(target);
    std::vector<Tensor> tensors;
    for (const KeyPiece& piece : pieces) {
      const std::string name = options_.prefix + piece.source;
      if (shape_only) {
        const TensorInfo& info = source_.index().at(name);
        tensors.push_back(torch::empty(
            info.shape,
            torch::TensorOptions().dtype(info.dtype).device(torch::kMeta)));
        continue;
      }
      ASSIGN_OR_RETURN(Tensor tensor, source_.Read(name));
      tensors.push_back(std::move(tensor));
    }
    if (stored != nullptr) *stored = tensors;
    auto result = AssembleTensor(target, pieces, tensors, options_.direction);
    if (!result.ok()) {
      return AddLocation(AddContext(result.status(), source_.path()));
    }
    return result;
  }

  // A sum is finite only if every element is; one that overflows is looked at
  // again.
  static bool IsFinite(const Tensor& tensor) {
    if (std::isfinite(tensor.sum().item<double>())) return true;
    return tensor.isfinite().all().item<bool>();
  }

  const CheckpointSource& source_;
  const StateLoadOptions& options_;
  std::map<std::string, Tensor> state_;
  std::set<std::string> parameters_;  // those of state_ that are no buffers
  KeyMap::Plan plan_;
};

}  // namespace

absl::StatusOr<StateLoadResult> LoadState(const CheckpointSource& source,
                                          const StateLoadOptions& options,
                                          torch::nn::Module& module) {
  auto plan = PlanNames(source, options);
  if (!plan.ok()) {
    return AddLocation(AddContext(
        plan.status(), absl::StrCat(source.path(), ", ", options.what)));
  }
  StateCopier copier(source, options, module, *std::move(plan));
  RETURN_IF_ERROR(copier.CheckNamesAndShapes());
  return copier.Copy();
}

}  // namespace atelier::trainer
