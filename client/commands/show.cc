#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/exit_code.h"
#include "client/loss_ledger.h"
#include "client/output/json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "client/output/wait_text.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/job_file.h"
#include "proto/cc/message_json.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

constexpr char kWorstImages[] = "worst-images";
constexpr int64_t kDefaultImages = 10;

void Line(const Context& context, absl::string_view label,
          const std::string& value) {
  if (value.empty()) return;
  context.out << label << std::string(12 - label.size(), ' ') << value << "\n";
}

std::string ExitText(const v1::Attempt& attempt) {
  if (attempt.has_exit_signal()) {
    return absl::StrCat("signal ", attempt.exit_signal());
  }
  return attempt.has_exit_code() ? absl::StrCat("exit ", attempt.exit_code())
                                 : "";
}

void PrintAttempts(const v1::Job& job, const Context& context) {
  if (job.attempts().empty()) return;
  context.out << "\n";
  Table table({"ATTEMPT", "STARTED", "ENDED", "OUTCOME", "EXIT", "MESSAGE"});
  for (const v1::Attempt& attempt : job.attempts()) {
    table.Add({absl::StrCat(attempt.number()), LocalTime(attempt.start_time()),
               LocalTime(attempt.end_time()), EnumName(attempt.outcome()),
               ExitText(attempt), Printable(attempt.message())});
  }
  table.Print(context.out);
  const v1::Attempt& last = *job.attempts().rbegin();
  if (last.last_log().empty()) return;
  context.out << "\nlast words of attempt " << last.number() << ":\n"
              << PrintableLines(last.last_log()) << "\n";
}

void PrintOptions(const v1::JobSpec& spec, const Context& context) {
  context.out << "\n";
  Table table({"OPTION", "VALUE"});
  for (const Option* option : SetOptions(spec.training())) {
    for (const OptionValue& value : OptionValues(*option, spec.training())) {
      table.Add({option->name, Printable(ValueText(value))});
    }
  }
  table.Print(context.out);
}

void PrintJob(const v1::Job& job, const Context& context) {
  std::string state = StateText(job.state(), context.terminal);
  const std::string reason = EnumName(job.reason());
  if (!reason.empty()) absl::StrAppend(&state, " (", reason, ")");
  Line(context, "job", absl::StrCat(job.id()));
  Line(context, "name", Printable(job.spec().name()));
  Line(context, "state", state);
  Line(context, "message", Printable(job.message()));
  Line(context, "trains", ArchitectureName(job.spec().architecture()));
  Line(context, "owner", Printable(job.owner()));
  Line(context, "submitted", LocalTime(job.create_time()));
  Line(context, "started", LocalTime(job.start_time()));
  Line(context, "ended", LocalTime(job.end_time()));
  Line(context, "output", Printable(job.output_dir()));
  for (const auto& [key, value] : job.spec().labels()) {
    Line(context, "label", absl::StrCat(Printable(key), "=", Printable(value)));
  }
  const v1::Progress& progress = job.progress();
  if (progress.total_steps() > 0) {
    Line(
        context, "progress",
        absl::StrCat("step ", progress.step(), "/", progress.total_steps(),
                     ", epoch ", progress.epoch(), "/", progress.total_epochs(),
                     ", loss ", NumberText(progress.smoothed_loss()), ", ",
                     NumberText(progress.images_per_second()), " images/s"));
  }
  PrintAttempts(job, context);
  PrintOptions(job.spec(), context);
}

void PrintImages(const v1::LossLedgerEvent& ledger, int64_t most,
                 const Context& context) {
  Table table({"RATIO", "LOSS", "TIMES", "PATH", "CAPTION"});
  for (const v1::LossLedgerEvent::Image& image : ledger.worst()) {
    if (most-- <= 0) break;
    table.Add({NumberText(image.ratio()), NumberText(image.loss()),
               absl::StrCat(image.count()), Printable(image.path()),
               Printable(image.caption())});
  }
  table.Print(context.out);
}

absl::StatusOr<int> ShowWorstImages(const Invocation& invocation, int64_t id) {
  const std::string typed = invocation.arguments.Value(kWorstImages);
  int64_t most = kDefaultImages;
  if (!typed.empty()) {
    ASSIGN_OR_RETURN(most, ParseInteger(kWorstImages, typed, 1));
  }
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::Event event, NewestLossLedger(*connection, id));
  const v1::LossLedgerEvent& ledger = event.loss_ledger();
  const Context& context = invocation.context;
  if (invocation.json()) {
    for (const auto& image : ledger.worst()) {
      if (most-- <= 0) break;
      PrintJson(MessageToJson(image), context);
    }
  } else if (ledger.worst().empty()) {
    context.out << "no losses of images yet: they come at the end of each "
                   "epoch, unless loss_ledger is false\n";
  } else {
    context.out << "after step " << event.step() << ", of " << ledger.images()
                << " images; ratio 1 is as usual at the same timesteps\n\n";
    PrintImages(ledger, most, context);
  }
  return kExitOk;
}

// Why a job waits; nothing for others.
absl::Status PrintWait(Connection& connection, const v1::Job& job) {
  const bool waits =
      job.state() == v1::JOB_STATE_PENDING || job.state() == v1::JOB_STATE_HELD;
  if (!waits || job.hidden()) return absl::OkStatus();
  v1::ExplainJobRequest request;
  request.set_id(job.id());
  v1::ExplainJobResponse why;
  RETURN_IF_ERROR(
      connection.Call(&v1::ScheduleService::Stub::ExplainJob, request, &why));
  connection.context().out << "\n" << WaitText(why, connection.context());
  return absl::OkStatus();
}

absl::StatusOr<int> RunShow(const Invocation& invocation) {
  ASSIGN_OR_RETURN(const int64_t id,
                   ParseJobId(invocation.arguments.positional[0]));
  if (invocation.arguments.Has(kWorstImages)) {
    return ShowWorstImages(invocation, id);
  }
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::Job job, connection->GetJob(id));
  if (invocation.json()) {
    PrintJson(JobToJson(job), invocation.context);
  } else if (invocation.arguments.Has("toml")) {
    invocation.context.out << JobSpecToToml(job.spec()) << std::flush;
  } else {
    PrintJob(job, invocation.context);
    RETURN_IF_ERROR(PrintWait(*connection, job));
  }
  return kExitOk;
}

}  // namespace

Command ShowCommand() {
  return {"show",
          "Shows one job: state, attempts, options",
          {"ID",
           1,
           1,
           {{"toml", "", "As a job file that can be submitted"},
            {kWorstImages, "N",
             "The images whose loss is highest for their timesteps (10), "
             "at most 50",
             '\0', true}}},
          RunShow};
}

}  // namespace atelier::client
