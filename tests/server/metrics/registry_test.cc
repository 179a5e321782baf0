#include "server/metrics/registry.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

#include "server/metrics/http_exporter.h"
#include "server/metrics/metric_table.h"
#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsTest : public testing::StateTest {
 protected:
  MetricsTest() : metrics_(jobs(), clock_) { state_->AddListener(&metrics_); }
  ~MetricsTest() override { state_->RemoveListener(&metrics_); }

  Metrics metrics_;
};

TEST_F(MetricsTest, JobsAreCountedByStateAndReason) {
  Submit();
  Submit();
  EXPECT_THAT(
      metrics_.Text(),
      HasSubstr("atelier_jobs{state=\"PENDING\",reason=\"PRIORITY\"} 2"));
}

TEST_F(MetricsTest, SeriesOfAJobVanishAtItsEnd) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(
      jobs().AppendWorkerEvents(attempt, testing::MakeSteps(1, 3)).ok());
  metrics_.WorkerMemory(attempt.job, 4096);
  EXPECT_THAT(metrics_.Text(), HasSubstr("atelier_training_step{job=\"1\"} 3"));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("atelier_training_loss{job=\"1\"} 0.5"));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("atelier_worker_device_part_memory_bytes{job=\"1\","
                        "part=\"weights\"} 4096"));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("atelier_training_swap_wait_seconds{job=\"1\"} 0.125"));
  EXPECT_THAT(
      metrics_.Text(),
      HasSubstr("atelier_worker_resident_memory_bytes{job=\"1\"} 4096"));
  ASSERT_TRUE(Finish(attempt, v1::JOB_STATE_SUCCEEDED).ok());
  metrics_.WorkerMemory(attempt.job, 4096);
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("job=\"1\"")));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("atelier_training_step_seconds_count 3"));
  EXPECT_THAT(
      metrics_.Text(),
      HasSubstr("atelier_training_phase_seconds_count{phase=\"forward\"} 3"));
  EXPECT_THAT(
      metrics_.Text(),
      HasSubstr(
          "atelier_jobs_finished_total{reason=\"\",state=\"SUCCEEDED\"} 1"));
}

TEST_F(MetricsTest, CallsAreCountedByMethodAndCode) {
  metrics_.CallDone("GetJob", "OK", absl::Milliseconds(3));
  metrics_.CallDone("GetJob", "NOT_FOUND", absl::Milliseconds(3));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("code=\"NOT_FOUND\",method=\"GetJob\"} 1"));
  EXPECT_THAT(
      metrics_.Text(),
      HasSubstr("atelier_grpc_request_seconds_count{method=\"GetJob\"} 2"));
}

TEST(MetricTableTest, NamesAreUniqueAndEndAsTheirTypeSays) {
  std::set<std::string> names;
  for (const MetricRow& row : AllMetrics()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(absl::StartsWith(row.name, "atelier_")) << row.name;
    EXPECT_EQ(absl::EndsWith(row.name, "_total"),
              row.type == MetricType::kCounter)
        << row.name;
    EXPECT_NE(std::string(row.help), "");
  }
}

std::string Fetch(const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string page;
  if (connect(file, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
    const std::string request =
        "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
    EXPECT_GT(send(file, request.data(), request.size(), 0), 0);
    char buffer[4096];
    for (ssize_t n; (n = recv(file, buffer, sizeof buffer, 0)) > 0;) {
      page.append(buffer, static_cast<size_t>(n));
    }
  }
  close(file);
  return page;
}

TEST_F(MetricsTest, PageIsServedOnAFreePort) {
  auto exporter = HttpExporter::Listen("127.0.0.1:0", metrics_);
  ASSERT_TRUE(exporter.ok()) << exporter.status();
  EXPECT_THAT((*exporter)->address(), Not(HasSubstr(":0")));
  EXPECT_THAT(Fetch((*exporter)->address()), HasSubstr("atelier_build_info"));
}

TEST_F(MetricsTest, AddressThatIsTakenIsAnError) {
  auto first = HttpExporter::Listen("127.0.0.1:0", metrics_);
  ASSERT_TRUE(first.ok());
  const auto second = HttpExporter::Listen((*first)->address(), metrics_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr((*first)->address()));
}

}  // namespace
}  // namespace atelier::server
