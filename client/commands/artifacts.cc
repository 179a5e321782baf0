// `checkpoints` and `samples`: the files a job made, of one kind each.
#include <filesystem>

#include "absl/strings/str_cat.h"

#include "client/commands/commands.h"
#include "client/download.h"
#include "client/exit_code.h"
#include "client/output/json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "proto/cc/message_json.h"
#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

absl::StatusOr<std::vector<v1::Artifact>> ListAll(Connection& connection,
                                                  int64_t id,
                                                  v1::ArtifactKind kind) {
  v1::ListArtifactsRequest request;
  request.set_id(id);
  request.set_kind(kind);
  std::vector<v1::Artifact> artifacts;
  do {
    v1::ListArtifactsResponse response;
    RETURN_IF_ERROR(connection.Call(&v1::JobService::Stub::ListArtifacts,
                                    request, &response));
    for (v1::Artifact& artifact : *response.mutable_artifacts()) {
      artifacts.push_back(std::move(artifact));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return artifacts;
}

std::string Note(const v1::Artifact& artifact) {
  if (artifact.removed()) return "removed";
  if (artifact.is_final()) return "final";
  return Printable(artifact.prompt());
}

void PrintArtifacts(const Invocation& invocation,
                    const std::vector<v1::Artifact>& artifacts) {
  const Context& context = invocation.context;
  if (invocation.json()) {
    for (const v1::Artifact& artifact : artifacts) {
      PrintJson(MessageToJson(artifact), context);
    }
    return;
  }
  Table table({"STEP", "SIZE", "MADE", "PATH", ""});
  for (const v1::Artifact& artifact : artifacts) {
    table.Add({absl::StrCat(artifact.step()), BytesText(artifact.size_bytes()),
               LocalTime(artifact.create_time()), Printable(artifact.path()),
               Note(artifact)});
  }
  table.Print(context.out);
}

absl::Status DownloadAll(const Invocation& invocation, Connection& connection,
                         int64_t id,
                         const std::vector<v1::Artifact>& artifacts) {
  const Context& context = invocation.context;
  const std::filesystem::path folder = std::filesystem::path(context.cwd) /
                                       invocation.arguments.Value("download");
  for (const v1::Artifact& artifact : artifacts) {
    if (artifact.removed()) continue;
    ASSIGN_OR_RETURN(
        const Download download,
        DownloadArtifact(connection, id, artifact, folder.string()));
    if (invocation.json()) {
      auto json = MessageToJson(artifact);
      json["file"] = download.file;
      json["was_there"] = download.was_there;
      PrintJson(json, context);
    } else {
      context.out << Printable(download.file)
                  << (download.was_there ? " (was there)" : "") << std::endl;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunArtifacts(const Invocation& invocation,
                                 v1::ArtifactKind kind) {
  ASSIGN_OR_RETURN(const int64_t id,
                   ParseJobId(invocation.arguments.positional[0]));
  ASSIGN_OR_RETURN(const auto connection, invocation.Connect());
  ASSIGN_OR_RETURN(const auto artifacts, ListAll(*connection, id, kind));
  if (!invocation.arguments.Has("download")) {
    PrintArtifacts(invocation, artifacts);
    return kExitOk;
  }
  RETURN_IF_ERROR(DownloadAll(invocation, *connection, id, artifacts));
  return kExitOk;
}

Signature ArtifactSignature() {
  return {"ID",
          1,
          1,
          {{"download", "FOLDER",
            "Fetches them; goes on where an earlier download broke off"}}};
}

}  // namespace

Command CheckpointsCommand() {
  return {"checkpoints", "Lists or fetches a job's checkpoints",
          ArtifactSignature(), [](const Invocation& invocation) {
            return RunArtifacts(invocation, v1::ARTIFACT_KIND_CHECKPOINT);
          }};
}

Command SamplesCommand() {
  return {"samples", "Lists or fetches a job's sample images",
          ArtifactSignature(), [](const Invocation& invocation) {
            return RunArtifacts(invocation, v1::ARTIFACT_KIND_SAMPLE);
          }};
}

}  // namespace atelier::client
