#include "trainer/worker/event_sender.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "trainer/worker/event_to_proto.h"

namespace atelier::trainer {

EventSender::EventSender(Journal& journal, std::function<void()> appended,
                         std::function<void(const std::string&)> log)
    : journal_(journal), appended_(std::move(appended)), log_(std::move(log)) {}

void EventSender::Send(Event event) {
  {
    absl::MutexLock lock(&mutex_);
    journal_.Append(ToProto(event));
    const absl::Status written = journal_.write_status();
    if (!written.ok() && !refused_) {
      log_(
          absl::StrCat("the journal cannot be written, events wait in memory: ",
                       written.message()));
    }
    if (written.ok() && refused_) log_("the journal is written again");
    refused_ = !written.ok();
  }
  appended_();
}

}  // namespace atelier::trainer
