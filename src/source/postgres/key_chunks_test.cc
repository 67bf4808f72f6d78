#include "source/postgres/key_chunks.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr uint64_t kA = 1;
constexpr uint64_t kB = 2;

KeyBound bound(uint64_t rank) {
  return {rank * kBoundSpacing, {"k" + std::to_string(rank)}};
}

const KeyBound kEnd{KeyBound::kAboveAll, {}};

KeyRange range(uint64_t after, uint64_t through) {
  return {bound(after), bound(through)};
}

TEST(KeyChunksTest, OneBranchReadsWhatItLacks) {
  const std::vector<BranchLacks> lacks = {{kA, {range(2, 3), {bound(4), kEnd}}}};
  EXPECT_EQ(merge_lacks(lacks), (std::vector<KeyChunk>{{range(2, 3), kA}, {{bound(4), kEnd}, kA}}));
}

TEST(KeyChunksTest, WhatSeveralLackIsReadOnce) {
  const std::vector<BranchLacks> lacks = {{kA, {range(2, 3), {bound(4), kEnd}}},
                                          {kB, {{bound(3), kEnd}}}};
  EXPECT_EQ(
      merge_lacks(lacks),
      (std::vector<KeyChunk>{{range(2, 3), kA}, {range(3, 4), kB}, {{bound(4), kEnd}, kA | kB}}));
}

TEST(KeyChunksTest, ABranchThatHasNothingGetsAll) {
  const std::vector<BranchLacks> lacks = {{kA, {{bound(4), kEnd}}}, {kB, {KeyRange()}}};
  EXPECT_EQ(merge_lacks(lacks),
            (std::vector<KeyChunk>{{{KeyBound(), bound(4)}, kB}, {{bound(4), kEnd}, kA | kB}}));
}

TEST(KeyChunksTest, NothingIsLeftWhereAllIsRead) {
  EXPECT_TRUE(merge_lacks(std::vector<BranchLacks>{{kA, {}}, {kB, {}}}).empty());
}

TEST(KeyChunksTest, AChunkIsDividedWithinItsNumbers) {
  const KeyChunk chunk{range(1, 2), kA};
  const auto parts = split_chunk(chunk, std::vector<std::vector<std::string>>{{"m"}, {"n"}});
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].range.after, bound(1));
  EXPECT_EQ(parts[0].range.through, (KeyBound{kBoundSpacing + 1, {"m"}}));
  EXPECT_EQ(parts[1].range.after, parts[0].range.through);
  EXPECT_EQ(parts[2].range.through, bound(2));
  EXPECT_EQ(parts[2].audience, kA);
}

TEST(KeyChunksTest, WhereThereIsNoNumberLeftItIsNotDivided) {
  const KeyChunk chunk{{{7, {"a"}}, {8, {"z"}}}, kA};
  EXPECT_EQ(split_chunk(chunk, std::vector<std::vector<std::string>>{{"m"}}),
            std::vector<KeyChunk>{chunk});
}

}  // namespace
}  // namespace millrace
