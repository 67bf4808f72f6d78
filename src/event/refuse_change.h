// How what stands before a sink (sql, converter) gets rid of a change that it can make nothing of.
#pragma once

#include <functional>

#include "base/result.h"
#include "event/change.h"

namespace millrace {

// Takes the change, durably: the dead letters do. Its own error ends the branch. Called on the
// branch's transform thread.
using RefuseChange = std::function<Result<void>(const Change&, const Error&)>;

}  // namespace millrace
