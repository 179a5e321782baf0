// The daemon's parts, and what makes and joins them: daemon.cc the state and
// what runs jobs, daemon_services.cc what clients and workers call.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "server/access/gate.h"
#include "server/api/access_service.h"
#include "server/api/call_pool.h"
#include "server/api/device_service.h"
#include "server/api/job_service.h"
#include "server/api/schedule_service.h"
#include "server/api/server_service.h"
#include "server/api/worker_service.h"
#include "server/daemon.h"
#include "server/daemon_devices.h"
#include "server/events/event_bus.h"
#include "server/grpc_listener.h"
#include "server/metrics/http_exporter.h"
#include "server/metrics/registry.h"
#include "server/notify/notifier.h"
#include "server/run/capabilities.h"
#include "server/run/local_launcher.h"
#include "server/run/supervisor.h"
#include "server/schedule/scheduler.h"
#include "server/store/state_store.h"

namespace atelier::server {

// In the order in which they are made; each may use those above it.
struct Daemon::Parts {
  // Beyond its lease a worker gets this long to save its state and exit.
  static constexpr absl::Duration kLeaseMargin = absl::Minutes(5);

  explicit Parts(const DaemonConfig& daemon_config)
      : config(daemon_config),
        leases(clock, daemon_config.lease, kLeaseMargin),
        capabilities(ReadCapabilities(daemon_config.trainer_path)) {}

  const DaemonConfig config;
  SystemClock clock;
  const absl::Time start_time = absl::Now();
  WorkerLeases leases;
  WorkerRegistry registry;
  const absl::StatusOr<v1::WorkerCapabilities> capabilities;
  // The store speaks of commits before there are metrics.
  std::atomic<Metrics*> commit_metrics{nullptr};

  std::unique_ptr<StateStore> state;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<EventBus> bus;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<DaemonDevices> devices;
  std::unique_ptr<LocalLauncher> launcher;
  std::unique_ptr<Supervisor> supervisor;
  std::unique_ptr<HttpExporter> exporter;
  UserDatabase users{clock};
  std::unique_ptr<Gate> gate;
  std::unique_ptr<Notifier> notifier;
  OpenStreams streams;
  std::unique_ptr<CallPool> pool;
  std::unique_ptr<WorkerServiceImpl> worker_service;
  std::unique_ptr<JobServiceImpl> job_service;
  std::unique_ptr<ScheduleServiceImpl> schedule_service;
  std::unique_ptr<ServerServiceImpl> server_service;
  std::unique_ptr<DeviceServiceImpl> device_service;
  std::unique_ptr<AccessServiceImpl> access_service;
  std::unique_ptr<GrpcListener> worker_listener;
  std::unique_ptr<GrpcListener> listener;
  // Once it knows local callers; remote ones may come before.
  std::atomic<const GrpcListener*> ready_listener{nullptr};
  bool is_stopped = false;

  absl::Status OpenState();
  void MakeSupervision();
  void MakeServices();
  absl::Status Listen();
  absl::Status Start();
  void Stop();
  absl::StatusOr<v1::GetServerInfoResponse> Describe() const;
  std::vector<EventListener*> Listeners() const {
    return {bus.get(), metrics.get(), supervisor.get(), scheduler.get(),
            notifier.get()};
  }
};

}  // namespace atelier::server
