#include "stream/drain_notice.h"

#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {

DrainNotice::DrainNotice(Stream& stream) : stream_(stream) {
  deferred_.assign(tell, this, static_cast<std::uint8_t>(stream.priority()));
}

DrainNotice::~DrainNotice() { cancel(stream_.loop(), deferred_); }

void DrainNotice::set(bevel_drain_cb callback, void* arg) noexcept {
  callback_ = callback;
  arg_ = arg;
  is_due_ = !stream_.is_drained();
}

void DrainNotice::output_left() {
  if (is_due_ && stream_.is_drained()) schedule(stream_.loop(), deferred_);
}

void DrainNotice::tell(event_callback*, void* self) {
  DrainNotice& notice = *static_cast<DrainNotice*>(self);
  Stream& stream = notice.stream_;
  from_loop(stream, [&] {
    // The program may have written again since.
    if (stream.is_freed() || !notice.is_due_ || !stream.is_drained()) return;
    notice.is_due_ = false;
    if (notice.callback_ == nullptr) return;
    stream.call_user(
        [&, callback = notice.callback_, arg = notice.arg_] { callback(&stream, arg); });
  });
}

}  // namespace ev
