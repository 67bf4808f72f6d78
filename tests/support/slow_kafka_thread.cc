// For LD_PRELOAD: the main thread of each of librdkafka's handles rests after it has left a lock,
// as on a machine that is busy. What another thread can do meanwhile then happens every time.
// SLOW_KAFKA_THREAD: microseconds. With AddressSanitizer: verify_asan_link_order=0.
#include <dlfcn.h>
#include <pthread.h>
#include <threads.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace {

thread_local bool is_slow = false;

useconds_t rest() {
  const char* told = std::getenv("SLOW_KAFKA_THREAD");
  return told == nullptr ? 0 : static_cast<useconds_t>(std::atoi(told));
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int pthread_setname_np(pthread_t thread, const char* name) noexcept {
  static const auto real = next<int (*)(pthread_t, const char*)>("pthread_setname_np");
  if (pthread_equal(thread, pthread_self()) != 0) is_slow = std::strcmp(name, "rdk:main") == 0;
  return real(thread, name);
}

int mtx_unlock(mtx_t* mutex) {
  static const auto real = next<int (*)(mtx_t*)>("mtx_unlock");
  static const useconds_t microseconds = rest();
  const int done = real(mutex);
  if (is_slow) ::usleep(microseconds);
  return done;
}

}  // extern "C"
