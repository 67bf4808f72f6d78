#include "config/variables.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "config/config_files_test.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Variables : public ConfigFiles {
 protected:
  Setting resolve(const std::string& value) {
    Settings settings = given_;
    settings.set("key", value, "f:1");
    problems.clear();
    resolve_variables(settings, problems);
    return *settings.find("key");
  }

  Settings given_;
};

TEST_F(Variables, AnEnvironmentVariableIsTakenAndHidden) {
  ::setenv("MILLRACE_TEST_PW", "hunter2", 1);
  const Setting setting = resolve("a ${env:MILLRACE_TEST_PW} b ${env:MILLRACE_TEST_PW}");
  EXPECT_EQ(setting.value, "a hunter2 b hunter2");
  EXPECT_TRUE(setting.hidden);
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(Variables, AnUnsetVariableIsAnErrorThatNamesTheKey) {
  ::unsetenv("MILLRACE_TEST_NONE");
  resolve("${env:MILLRACE_TEST_NONE}");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].key, "key");
  EXPECT_EQ(problems[0].origin, "f:1");
  EXPECT_THAT(problems[0].message, HasSubstr("MILLRACE_TEST_NONE"));
}

TEST_F(Variables, AKeyOfAPropertiesFileIsTaken) {
  const std::string path = write("secrets.properties", "user=u\npassword = a\\u0062c\n");
  EXPECT_EQ(resolve("${file:" + path + ":password}").value, "abc");
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(Variables, AMissingFileOrKeyIsAnErrorWithoutTheOtherValues) {
  const std::string path = write("secrets.properties", "user=hunter2\n");
  resolve("${file:" + path + ":password}");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0].message, HasSubstr("has no key password"));
  EXPECT_THAT(told(), Not(HasSubstr("hunter2")));
  resolve("${file:" + path + ".not:password}");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0].message, HasSubstr("there is no file"));
  resolve("${file:nocolon}");
  ASSERT_THAT(problems, SizeIs(1));
}

TEST_F(Variables, AFileOfADirectoryIsTakenWhole) {
  write("token", "hunter2");
  const Setting setting = resolve("${dir:" + folder_ + ":token}");
  EXPECT_EQ(setting.value, "hunter2");
  EXPECT_TRUE(setting.hidden);
}

TEST_F(Variables, TextWithoutAColonStays) {
  const Setting setting = resolve("outbox.${routedByValue}.${");
  EXPECT_EQ(setting.value, "outbox.${routedByValue}.${");
  EXPECT_FALSE(setting.hidden);
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(Variables, WhatAProviderGivesIsNotResolvedAgain) {
  ::setenv("MILLRACE_TEST_PW", "${env:MILLRACE_TEST_PW}", 1);
  EXPECT_EQ(resolve("${env:MILLRACE_TEST_PW}").value, "${env:MILLRACE_TEST_PW}");
}

TEST_F(Variables, AProviderMayHaveANameOfItsOwn) {
  ::setenv("MILLRACE_TEST_PW", "x", 1);
  given_.set("config.providers.mine.class",
             "org.apache.kafka.common.config.provider.EnvVarConfigProvider", "f:1");
  EXPECT_EQ(resolve("${mine:MILLRACE_TEST_PW}").value, "x");
}

TEST_F(Variables, AnUnknownProviderIsAnError) {
  resolve("${vault:a:b}");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0].message, HasSubstr("vault"));
}

}  // namespace
}  // namespace millrace
