#include "store/file/file_offset_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/durable_file.h"
#include "store/file/java_map.h"
#include "store/offset_map.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

class FileOffsetStoreTest : public ::testing::Test {
 protected:
  FileOffsetStoreTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("millrace-offsets-" + std::to_string(getpid()))) {}

  ~FileOffsetStoreTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<OffsetStore> store(std::string connector) const {
    return make_file_offset_store(
        {.path = path(), .connector = std::move(connector), .server = "shop"});
  }

  std::string path() const { return (folder_ / "state" / "a.offsets").string(); }

  static Progress at(Lsn lsn) {
    Offset offset;
    offset.lsn = lsn;
    offset.lsn_proc = lsn;
    offset.position = {lsn + 8, 2};
    return {{std::string(kSlotStream), offset}};
  }

  const std::filesystem::path folder_;
};

TEST_F(FileOffsetStoreTest, WhatWasNeverStoredIsEmpty) {
  const auto loaded = store("a")->load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->empty());
}

TEST_F(FileOffsetStoreTest, ConnectorsShareAFile) {
  ASSERT_TRUE(store("a")->save(at(100)));
  ASSERT_TRUE(store("b")->save(at(200)));
  ASSERT_TRUE(store("a")->save(at(300)));
  EXPECT_EQ(store("a")->load(), at(300));
  EXPECT_EQ(store("b")->load(), at(200));
  EXPECT_EQ(read_java_map(**read_whole_file(path()))->size(), 2U);
}

TEST_F(FileOffsetStoreTest, ConnectorsOfSeveralProcessesShareAFile) {
  constexpr Lsn kSaves = 200;
  std::atomic<int> failed{0};
  const auto save_all = [&](const std::string& connector) {
    const auto own = store(connector);
    for (Lsn lsn = 1; lsn <= kSaves; ++lsn)
      failed += own->save(at(lsn)) ? 0 : 1;
  };
  {
    const std::jthread one(save_all, "a");
    const std::jthread two(save_all, "b");
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(store("a")->load(), at(kSaves));
  EXPECT_EQ(store("b")->load(), at(kSaves));
}

TEST_F(FileOffsetStoreTest, AFileThatAnotherProcessKeepsLockedIsTriedAgainLater) {
  ASSERT_TRUE(store("a")->save(at(100)));
  const int other = ::open((path() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  const auto saved = store("a")->save(at(200));
  ::close(other);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().kind, ErrorKind::kBusy);
  EXPECT_TRUE(store("a")->save(at(200)));
}

TEST_F(FileOffsetStoreTest, ANullValueIsAReset) {
  ASSERT_TRUE(store("a")->save(at(100)));
  ASSERT_TRUE(replace_file(path(), write_java_map({{offset_key("a", "shop"), std::nullopt}})));
  EXPECT_EQ(store("a")->load(), Progress{});
  ASSERT_TRUE(store("a")->save(at(101)));
  EXPECT_EQ(store("a")->load(), at(101));
}

TEST_F(FileOffsetStoreTest, AnotherFileIsNeverOverwritten) {
  std::filesystem::create_directories(folder_ / "state");
  ASSERT_TRUE(replace_file(path(), "precious"));
  const auto loaded = store("a")->load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, ErrorKind::kProtocol);
  EXPECT_THAT(loaded.error().text(), HasSubstr(path()));
  EXPECT_FALSE(store("a")->save(at(1)));
  EXPECT_EQ(**read_whole_file(path()), "precious");
}

TEST_F(FileOffsetStoreTest, WhereNothingCanBeStoredNothingIsLoaded) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ / "state") << "a file where the folder should be";
  const auto loaded = store("a")->load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, ErrorKind::kIo);
  EXPECT_FALSE(loaded.error().cure.empty());
}

TEST_F(FileOffsetStoreTest, AMalformedOffsetNamesFileAndKey) {
  std::filesystem::create_directories(folder_ / "state");
  ASSERT_TRUE(replace_file(path(), write_java_map({{offset_key("a", "shop"), "{}"}})));
  const auto loaded = store("a")->load();
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr(path()));
  EXPECT_THAT(loaded.error().message, HasSubstr(R"(["a",{"server":"shop"}])"));
}

}  // namespace
}  // namespace millrace
