// Disks that fail: each piece of work that writes to a disk, run with one of the calls that touch
// the disk going wrong (tests/support/faulty_disk.cc, preloaded). Then once more on a disk that is
// well: what was confirmed is there, and the whole is what it should be, nothing torn, nothing
// twice. MILLRACE_TEST_EVERY_CALL: once for every call. Else for the first one and a few others,
// drawn by MILLRACE_TEST_SEED or by chance.
#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <random>
#include <set>

#include "tests/conformance/disk_work.h"
#include "wire/duckdb/api.h"

namespace millrace::conformance {
namespace {

struct FaultyDisk {
  void (*arm)(const char* folder, const char* kind, long n, int sticky);
  long (*calls)();
};

// Nulls when the library is not preloaded.
FaultyDisk faulty_disk() {
  return {reinterpret_cast<void (*)(const char*, const char*, long, int)>(
              ::dlsym(RTLD_DEFAULT, "faulty_disk_arm")),
          reinterpret_cast<long (*)()>(::dlsym(RTLD_DEFAULT, "faulty_disk_calls"))};
}

// What a child tells its parent.
struct Told {
  uint64_t confirmed = 0;
  long calls = 0;
  bool went_well = false;
  char error[512] = "";
};

struct Disk {
  std::string_view kind;
  bool sticky;  // from the n-th call on; else that one only
};

using Parameter = std::tuple<std::string_view, Disk>;

uint64_t seed() {
  static const uint64_t kSeed = [] {
    const char* told = std::getenv("MILLRACE_TEST_SEED");
    return told == nullptr ? std::random_device{}() : std::strtoull(told, nullptr, 10);
  }();
  return kSeed;
}

// Which of so many calls go wrong.
std::set<long> chosen(long calls) {
  constexpr size_t kDrawn = 3;
  const bool every = std::getenv("MILLRACE_TEST_EVERY_CALL") != nullptr;
  const size_t count = every ? static_cast<size_t>(calls) : std::min<size_t>(kDrawn + 1, calls);
  std::mt19937_64 random(seed());
  std::set<long> out{1};
  for (long n = 2; every && n <= calls; ++n)
    out.insert(n);
  while (out.size() < count)
    out.insert(1 + static_cast<long>(random() % static_cast<uint64_t>(calls)));
  return out;
}

class DiskFaults : public testing::TestWithParam<Parameter> {
 protected:
  // Before the processes fork: each would load it anew.
  static void SetUpTestSuite() { ASSERT_TRUE(duckdb::load_api()); }

  DiskFaults()
      : told_(static_cast<Told*>(::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    std::string pattern = std::filesystem::temp_directory_path() / "disk-faults-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }

  ~DiskFaults() override {
    std::filesystem::remove_all(folder_);
    ::munmap(told_, sizeof(Told));
  }

  // The work in a process of its own, on a disk whose n-th call goes wrong (0: none).
  void run(long n, const std::string& folder) {
    *told_ = {.confirmed = told_->confirmed};
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(SIGPIPE, SIG_IGN);
      const auto& [name, disk] = GetParam();
      auto work = make_disk_work(name, folder);
      const std::string under = folder + "/";
      faulty_disk().arm(under.c_str(), n == 0 ? "none" : std::string(disk.kind).c_str(), n,
                        disk.sticky ? 1 : 0);
      const auto done =
          work->run(told_->confirmed, [this](uint64_t step) { told_->confirmed = step; });
      told_->calls = faulty_disk().calls();
      faulty_disk().arm("", "none", 0, 0);
      std::string error = done ? "" : done.error().text();
      if (done) error = work->verdict();
      told_->went_well = error.empty();
      error.copy(told_->error, sizeof told_->error - 1);
      work.reset();
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (n != 0 && may_abort() && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) {
      told_->calls = n;
      return;
    }
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the process crashed";
  }

  // DuckDB ends the process (an exception out of a destructor) where the disk refuses even to take
  // back what could not be written. Then what was confirmed must be there as after any kill.
  static bool may_abort() {
    const auto& [name, disk] = GetParam();
    return name.starts_with("duckdb") && disk.kind == "eio" && disk.sticky;
  }

  std::string folder_;
  Told* told_;
};

TEST_P(DiskFaults, LoseNothingAndTearNothing) {
  ASSERT_NE(faulty_disk().arm, nullptr) << "run it with tests/run.py tests/e2e/test_conformance.py";
  const auto& [name, disk] = GetParam();
  const std::string well = folder_ + "/well";
  std::filesystem::create_directories(well);
  run(std::numeric_limits<long>::max(), well);
  ASSERT_TRUE(told_->went_well) << told_->error;
  const long calls = told_->calls;
  ASSERT_GT(calls, 2) << "hardly a call touched the disk";
  for (const long n : chosen(calls)) {
    const std::string folder = fmt::format("{}/{}", folder_, n);
    std::filesystem::create_directories(folder);
    *told_ = {};
    run(n, folder);
    const bool is_over = told_->calls < n;
    // A short write is no failure.
    if (is_over || disk.kind == "short") {
      EXPECT_TRUE(told_->went_well) << "call " << n << ": " << told_->error;
    }
    const std::string first_error = told_->error;
    const uint64_t confirmed = told_->confirmed;
    run(0, folder);
    EXPECT_TRUE(told_->went_well) << "call " << n << " of " << calls << " (" << first_error
                                  << "), confirmed " << confirmed << ", then: " << told_->error
                                  << "; MILLRACE_TEST_SEED=" << seed();
    std::filesystem::remove_all(folder);
    if (HasFailure()) break;
  }
}

std::string name_of(const testing::TestParamInfo<Parameter>& tested) {
  const auto& [name, disk] = tested.param;
  return fmt::format("{}_{}{}", name, disk.kind, disk.sticky ? "_sticky" : "");
}

INSTANTIATE_TEST_SUITE_P(
    Each, DiskFaults,
    testing::Combine(testing::ValuesIn(disk_work_names().begin(), disk_work_names().end()),
                     testing::Values(Disk{"eio", false}, Disk{"eio", true}, Disk{"enospc", false},
                                     Disk{"enospc", true}, Disk{"short", false},
                                     Disk{"torn", false}, Disk{"torn", true}, Disk{"lost", false})),
    name_of);

}  // namespace
}  // namespace millrace::conformance
