// What writes to a disk, as a fixed piece of work that can be broken off anywhere and taken up
// again: the subjects of disk_faults_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::conformance {

inline constexpr uint64_t kSteps = 6;

class DiskWork {
 public:
  virtual ~DiskWork() = default;

  // Opens what is there and does the steps that are missing. After each it tells how many are
  // confirmed: what a branch would report, and PostgreSQL forget. `confirmed` by earlier runs:
  // these do not come again; an error when they are not there.
  using Confirm = std::function<void(uint64_t step)>;
  virtual Result<void> run(uint64_t confirmed, const Confirm& confirm) = 0;

  // After a run that went well. "" when exactly what the steps make is there, else what is wrong.
  virtual std::string verdict() = 0;
};

std::span<const std::string_view> disk_work_names();
std::unique_ptr<DiskWork> make_disk_work(std::string_view name, const std::string& folder);

}  // namespace millrace::conformance
