#include "wire/duckdb/database.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "wire/duckdb/test_rows.h"

namespace millrace::duckdb {
namespace {

using testing::HasSubstr;

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() {
    find_test_library();
    std::string pattern = testing::TempDir() + "millrace-database-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ + "/w.duckdb";
  }

  ~DatabaseTest() override { std::filesystem::remove_all(folder_); }

  // Runs `work` in a child process; its result is the child's exit code.
  template <class F>
  static int in_child(F work) {
    const pid_t child = fork();
    if (child == 0) _exit(work());
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void make_file() { ASSERT_TRUE(Database::open(file_, {})); }

  std::string folder_;
  std::string file_;
};

TEST_F(DatabaseTest, AFileHasOneHandleInAProcess) {
  auto first = Database::open(file_, {}).value();
  auto second = Database::open(folder_ + "/./w.duckdb", {}).value();
  EXPECT_EQ(first, second);
  EXPECT_NE(Database::open("", {}).value(), Database::open("", {}).value());
  first = nullptr;
  second = nullptr;
  EXPECT_TRUE(Database::open(file_, {}));
}

TEST_F(DatabaseTest, ABrokenOneIsOpenedAgainWhenAllHaveLetGo) {
  auto first = Database::open(file_, {}).value();
  first->set_broken();
  EXPECT_EQ(Database::open(file_, {}).error().kind, ErrorKind::kBusy);
  first = nullptr;
  EXPECT_TRUE(Database::open(file_, {}));
}

TEST_F(DatabaseTest, AFileThatAnotherProcessHasIsBusyAndTheCureNamesMillraceQuery) {
  int ready[2];
  int done[2];
  ASSERT_EQ(pipe(ready) | pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto held = Database::open(file_, {});
    char byte = held ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  auto refused = Database::open(file_, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBusy);
  EXPECT_THAT(refused.error().cure, HasSubstr("millrace query"));
  ASSERT_EQ(write(done[1], &byte, 1), 1);
  waitpid(child, nullptr, 0);
}

// The file's first block: 8 bytes of checksum over the rest of 4096, then "DUCK", then the version.
TEST_F(DatabaseTest, AFileOfAnotherVersionIsNamedWithItsCure) {
  make_file();
  std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
  uint64_t block[512];
  file.read(reinterpret_cast<char*>(block), sizeof block);
  const uint64_t version = 39;
  std::memcpy(reinterpret_cast<char*>(block) + 12, &version, sizeof version);
  block[0] = 5381;
  for (size_t i = 1; i < 512; ++i)
    block[0] ^= block[i] * 0xbf58476d1ce4e5b9;
  file.seekp(0);
  file.write(reinterpret_cast<const char*>(block), sizeof block);
  file.close();
  auto refused = Database::open(file_, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kVersion) << refused.error().text();
  EXPECT_THAT(refused.error().message, HasSubstr("another version of DuckDB"));
}

TEST_F(DatabaseTest, ADamagedFileAndAForeignOneAreToldApart) {
  make_file();
  std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(100);
  file.write("x", 1);
  file.close();
  EXPECT_THAT(Database::open(file_, {}).error().message, HasSubstr("damaged"));
  std::ofstream(folder_ + "/text") << std::string(9000, 'x');
  auto foreign = Database::open(folder_ + "/text", {});
  EXPECT_EQ(foreign.error().kind, ErrorKind::kVersion);
  EXPECT_THAT(foreign.error().message, HasSubstr("is no DuckDB database"));
  EXPECT_EQ(Database::open(folder_ + "/none/w.duckdb", {}).error().kind, ErrorKind::kIo);
}

TEST_F(DatabaseTest, AFolderThatMayNotBeWrittenIsAnIoErrorWithItsCure) {
  ASSERT_EQ(chmod(folder_.c_str(), 0555), 0);
  const int code = in_child([&] {
    // Root may write anywhere.
    if (geteuid() == 0 && setuid(65534) != 0) return 3;
    auto refused = Database::open(file_, {});
    if (refused) return 2;
    const bool is_right = refused.error().kind == ErrorKind::kIo &&
                          refused.error().cure.find("write the file") != std::string::npos;
    return is_right ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(DatabaseTest, AFileWhoseStartCannotBeWrittenIsNotThere) {
  const int code = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 6000, .rlim_max = 6000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 3;
    return Database::open(file_, {}) ? 2 : 0;
  });
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_TRUE(Database::open(file_, {}));
}

TEST_F(DatabaseTest, AValueThatSpeaksOfAFullDiskIsNotOne) {
  auto connection = Database::open("", {}).value()->connect().value();
  auto failed = connection.execute("SELECT CAST('secret: No space left on device' AS INTEGER)");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kData);
  EXPECT_THAT(failed.error().text(), testing::Not(HasSubstr("secret")));
}

TEST_F(DatabaseTest, AValueThatAStatementFailsOnIsNotInItsError) {
  auto connection = Database::open("", {}).value()->connect().value();
  auto failed = connection.execute("SELECT CAST('secret' AS INTEGER)");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kData);
  EXPECT_THAT(failed.error().text(), testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace millrace::duckdb
