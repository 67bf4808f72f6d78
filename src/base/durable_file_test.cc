#include "base/durable_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace millrace {
namespace {

class DurableFile : public ::testing::Test {
 protected:
  DurableFile()
      : folder_(std::filesystem::temp_directory_path() /
                ("durable." + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }

  ~DurableFile() override { std::filesystem::remove_all(folder_); }

  std::string path(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

TEST_F(DurableFile, AppendsBehindWhatIsThere) {
  std::ofstream(path("a")) << "one\n";
  auto file = AppendFile::open(path("a"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 4u);
  ASSERT_TRUE(file->append("two\n"));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(**read_whole_file(path("a")), "one\ntwo\n");
}

TEST_F(DurableFile, IsRefusedWhileAnotherHandleWrites) {
  auto first = AppendFile::open(path("a"));
  ASSERT_TRUE(first);
  auto second = AppendFile::open(path("a"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kIo);
  first->close();
  EXPECT_TRUE(AppendFile::open(path("a")));
}

TEST_F(DurableFile, ThatVanishedIsNoticedBySync) {
  auto file = AppendFile::open(path("a"));
  ASSERT_TRUE(file->append("x"));
  std::filesystem::remove(path("a"));
  auto synced = file->sync();
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().kind, ErrorKind::kIo);
}

TEST_F(DurableFile, FullDiskIsAnErrorWithACure) {
  auto file = AppendFile::open("/dev/full");
  ASSERT_TRUE(file) << file.error().text();
  auto written = file->append("x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::kNoRoom);
  EXPECT_EQ(policy(written.error().kind), ErrorPolicy::kRetry);
  EXPECT_NE(written.error().message.find("/dev/full"), std::string::npos);
  EXPECT_FALSE(written.error().cure.empty());
}

TEST_F(DurableFile, IsReplacedWhole) {
  ASSERT_TRUE(replace_file(path("a"), "old"));
  ASSERT_TRUE(replace_file(path("a"), "new content"));
  EXPECT_EQ(**read_whole_file(path("a")), "new content");
  EXPECT_FALSE(std::filesystem::exists(path("a.tmp")));
}

TEST_F(DurableFile, ANewNameReplacesNothing) {
  const auto made = [this](const char* content) {
    std::ofstream(path("made")) << content;
    return name_new_file(path("made"), path("named"));
  };
  EXPECT_TRUE(made("first"));
  EXPECT_TRUE(made("second"));
  EXPECT_EQ(*read_whole_file(path("named")).value(), "first");
  EXPECT_EQ(*read_whole_file(path("made")), std::nullopt);
  EXPECT_FALSE(name_new_file(path("none"), path("never")));
}

TEST_F(DurableFile, WhetherItCouldBeMadeIsAskedOfTheNearestFolder) {
  EXPECT_TRUE(check_creatable(path("a")));
  EXPECT_TRUE(check_creatable(path("not/made/yet/a")));
  EXPECT_FALSE(std::filesystem::exists(path("not")));
  EXPECT_TRUE(check_creatable("relative"));
  ASSERT_TRUE(replace_file(path("file"), ""));
  const auto below = check_creatable(path("file/a"));
  ASSERT_FALSE(below);
  EXPECT_NE(below.error().message.find(path("file/a")), std::string::npos);
  EXPECT_FALSE(below.error().cure.empty());
}

TEST_F(DurableFile, ThatDoesNotExistIsNoError) {
  auto text = read_whole_file(path("absent"));
  ASSERT_TRUE(text);
  EXPECT_FALSE(*text);
}

}  // namespace
}  // namespace millrace
