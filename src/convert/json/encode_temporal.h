// Encoders of dates, times, timestamps and intervals (ValueEncoding::Write).
#pragma once

#include <string_view>

#include "convert/json/value_encoding.h"

namespace millrace {

bool write_epoch_day(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_iso_date(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_time_millis(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_time_micros(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_time_nanos(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_iso_time(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_zoned_time(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_epoch_millis(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_epoch_micros(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_epoch_nanos(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_iso_timestamp(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_zoned_timestamp(const ValueEncoding& self, std::string_view text,
                           EncodeContext& context);
bool write_duration_micros(const ValueEncoding& self, std::string_view text,
                           EncodeContext& context);
bool write_iso_interval(const ValueEncoding& self, std::string_view text, EncodeContext& context);

}  // namespace millrace
