// The conformance suite: what every sink must get right, against its real store (cases.h), and
// broken sinks, to show that the suite finds what it is there to find.
// tests/e2e/test_conformance.py starts the servers and names them in the environment.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/conformance/cases.h"
#include "tests/conformance/memory_store.h"

namespace millrace::conformance {
namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "conformance-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }

  ~Folder() { std::filesystem::remove_all(path_); }

  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

using Parameter = std::tuple<std::string_view, Case>;

class SinkConformance : public testing::TestWithParam<Parameter> {};

TEST_P(SinkConformance, Holds) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto& [name, what] = GetParam();
  const auto store = make_store(name);
  ASSERT_NE(store, nullptr) << "start it with tests/run.py tests/e2e/test_conformance.py";
  if (!what.applies(store->traits())) GTEST_SKIP() << name << " has nothing of the kind";
  const Folder folder;
  what.run(*store, folder.path());
}

INSTANTIATE_TEST_SUITE_P(Real, SinkConformance,
                         testing::Combine(testing::ValuesIn(store_names().begin(),
                                                            store_names().end()),
                                          testing::ValuesIn(cases().begin(), cases().end())),
                         [](const testing::TestParamInfo<Parameter>& tested) {
                           return std::string(std::get<0>(tested.param)) + "_" +
                                  std::string(std::get<1>(tested.param).name);
                         });

// The names of the cases that a sink with this fault fails.
std::string failed_cases(Fault fault, std::string_view only = {}) {
  std::string out;
  for (const Case& what : cases()) {
    if (!only.empty() && what.name != only) continue;
    testing::TestPartResultArray results;
    {
      const testing::ScopedFakeTestPartResultReporter reporter(
          testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
      MemoryStore store(fault);
      what.run(store, "");
    }
    for (int i = 0; i < results.size(); ++i) {
      if (!results.GetTestPartResult(i).failed()) continue;
      out += std::string(what.name) + " ";
      break;
    }
  }
  return out;
}

TEST(SuiteItself, PassesASinkThatDoesAsItShould) {
  EXPECT_EQ(failed_cases(Fault::kNone), "");
}

struct Expected {
  Fault fault;
  std::string_view found_by;
};

class BrokenSink : public testing::TestWithParam<Expected> {};

TEST_P(BrokenSink, IsFound) {
  const auto [fault, found_by] = GetParam();
  EXPECT_EQ(failed_cases(fault, found_by), std::string(found_by) + " ");
}

INSTANTIATE_TEST_SUITE_P(
    SuiteItself, BrokenSink,
    testing::Values(Expected{Fault::kReportsTooEarly, "DeliversInOrder"},
                    Expected{Fault::kReportsTooEarly, "GoesAway"},
                    Expected{Fault::kReportsWhatWasNeverWritten, "DeliversInOrder"},
                    Expected{Fault::kGoesBack, "DeliversInOrder"},
                    Expected{Fault::kReorders, "DeliversInOrder"},
                    Expected{Fault::kLosesWhenReopened, "GoesAway"},
                    Expected{Fault::kDoublesAfterALostAnswer, "LosesAnAnswer"},
                    Expected{Fault::kForgetsProgress, "KeepsItsProgress"},
                    Expected{Fault::kForgetsProgress, "Dies"},
                    Expected{Fault::kProgressAheadOfData, "Dies"},
                    Expected{Fault::kBlocks, "Holds"}, Expected{Fault::kBlocks, "AnswersLate"},
                    Expected{Fault::kDrainBlocks, "Holds"}, Expected{Fault::kGivesUp, "GoesAway"},
                    Expected{Fault::kDropsTheRefused, "Refuses"},
                    Expected{Fault::kRefusesTheNeighbour, "Refuses"},
                    Expected{Fault::kTellsTheValue, "Refuses"},
                    Expected{Fault::kDrainsNothing, "Drains"}),
    [](const testing::TestParamInfo<Expected>& tested) {
      return std::string(name(tested.param.fault)) + "_" + std::string(tested.param.found_by);
    });

}  // namespace
}  // namespace millrace::conformance
