#include "server/store/metric_points.h"

#include <cmath>

#include "proto/cc/status_macros.h"
#include "server/store/migrator.h"

namespace atelier::server {
namespace {

// "Atlm"
constexpr int32_t kMetricsApplicationId = 0x41746c6d;
constexpr int64_t kBuckets[] = {1, 10, 100, 1000};

void AddToBucket(Connection& connection, JobId job, int64_t bucket,
                 const v1::Event& event) {
  const v1::StepEvent& step = event.step_done();
  Query(connection,
        "INSERT INTO metric_points VALUES (?1, ?2, ?3, 1, ?4, ?4, ?4, ?5, ?6, "
        "?7, ?8) ON CONFLICT (job_id, bucket_steps, step) DO UPDATE SET "
        "count = count + 1, loss_sum = loss_sum + ?4, "
        "loss_min = min(loss_min, ?4), loss_max = max(loss_max, ?4), "
        "lr = ?5, grad_norm_sum = grad_norm_sum + ?6, "
        "step_seconds_sum = step_seconds_sum + ?7, "
        "data_wait_seconds_sum = data_wait_seconds_sum + ?8")
      .Bind(job, bucket, event.step() / bucket * bucket, step.loss(), step.lr(),
            step.grad_norm(), step.step_seconds(), step.data_wait_seconds())
      .Run();
}

// SQLite keeps a NaN as NULL, which the table refuses.
bool IsDrawable(const v1::Event& event) {
  return event.has_step_done() && std::isfinite(event.step_done().loss()) &&
         std::isfinite(event.step_done().grad_norm());
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricPoints>> MetricPoints::Open(
    const std::string& path, absl::Time now) {
  ASSIGN_OR_RETURN(auto connection,
                   Connection::OpenWriter(path, Durability::kNormal));
  RETURN_IF_ERROR(Migrate(*connection, MetricMigrations(), now,
                          {kMetricsApplicationId, nullptr}));
  return std::unique_ptr<MetricPoints>(new MetricPoints(std::move(connection)));
}

void MetricPoints::OnEvents(JobId job, absl::Span<const v1::Event> events) {
  absl::MutexLock lock(&mutex_);
  const absl::Status status = CatchSql("cannot write points", [&] {
    connection_->Execute("BEGIN IMMEDIATE");
    for (const v1::Event& event : events) {
      if (!IsDrawable(event)) continue;
      for (int64_t bucket : kBuckets) {
        AddToBucket(*connection_, job, bucket, event);
      }
    }
    connection_->Execute("COMMIT");
    return absl::OkStatus();
  });
  if (status.ok() || connection_->is_idle()) return;
  CatchSql("cannot roll back", [&] {
    connection_->Execute("ROLLBACK");
    return absl::OkStatus();
  }).IgnoreError();
}

absl::StatusOr<std::vector<MetricPoint>> MetricPoints::ReadPoints(
    JobId job, int max_points) const {
  using Points = absl::StatusOr<std::vector<MetricPoint>>;
  absl::MutexLock lock(&mutex_);
  return CatchSql("cannot read points", [&]() -> Points {
    std::vector<MetricPoint> points;
    for (int64_t bucket : kBuckets) {
      points.clear();
      Query rows(*connection_,
                 "SELECT step, count, loss_sum, loss_min, loss_max, lr, "
                 "grad_norm_sum, step_seconds_sum, data_wait_seconds_sum "
                 "FROM metric_points WHERE job_id = ? AND bucket_steps = ? "
                 "ORDER BY step LIMIT ?");
      rows.Bind(job, bucket, max_points + 1);
      while (rows.Step()) {
        const auto count = static_cast<double>(rows.Int(1));
        points.push_back({rows.Int(0), bucket, rows.Int(1),
                          rows.Real(2) / count, rows.Real(3), rows.Real(4),
                          rows.Real(5), rows.Real(6) / count,
                          rows.Real(7) / count, rows.Real(8) / count});
      }
      if (points.size() <= static_cast<size_t>(max_points)) break;
    }
    return points;
  });
}

}  // namespace atelier::server
