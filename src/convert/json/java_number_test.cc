#include "convert/json/java_number.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>

namespace millrace {
namespace {

std::string text(double value) {
  std::array<char, kJavaNumberBytesMax> out{};
  return {out.data(), put_java_double(out.data(), value)};
}

std::string text(float value) {
  std::array<char, kJavaNumberBytesMax> out{};
  return {out.data(), put_java_float(out.data(), value)};
}

// Expected: what java 17 prints.
TEST(JavaNumberTest, DoublesAsJava17PrintsThem) {
  EXPECT_EQ(text(0.0), "0.0");
  EXPECT_EQ(text(-0.0), "-0.0");
  EXPECT_EQ(text(1.0), "1.0");
  EXPECT_EQ(text(-25000000000.0), "-2.5E10");
  EXPECT_EQ(text(0.001), "0.001");
  EXPECT_EQ(text(0.0001), "1.0E-4");
  EXPECT_EQ(text(9999999.0), "9999999.0");
  EXPECT_EQ(text(1e7), "1.0E7");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(1234567.89), "1234567.89");
  EXPECT_EQ(text(1.2345678901234567e19), "1.2345678901234567E19");
  EXPECT_EQ(text(1.7976931348623157e308), "1.7976931348623157E308");
  EXPECT_EQ(text(2.2250738585072014e-308), "2.2250738585072014E-308");
  EXPECT_EQ(text(5e-324), "4.9E-324");
  EXPECT_EQ(text(9007199254740992.0), "9.007199254740992E15");
}

TEST(JavaNumberTest, DigitsAreNotAlwaysTheShortest) {
  EXPECT_EQ(text(2e23), "1.9999999999999998E23");
  EXPECT_EQ(text(1e23), "9.999999999999999E22");
}

TEST(JavaNumberTest, FloatsAsJava17PrintsThem) {
  EXPECT_EQ(text(1.5F), "1.5");
  EXPECT_EQ(text(0.1F), "0.1");
  EXPECT_EQ(text(3.4028235e38F), "3.4028235E38");
  EXPECT_EQ(text(1.17549435e-38F), "1.17549435E-38");
  EXPECT_EQ(text(std::numeric_limits<float>::denorm_min()), "1.4E-45");
  EXPECT_EQ(text(16777216.0F), "1.6777216E7");
}

}  // namespace
}  // namespace millrace
