#include "stream/drain_notice.h"

#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {

DrainNotice::DrainNotice(Stream& stream) : stream_(stream) {
  deferred_.assign(tell, &stream, static_cast<std::uint8_t>(stream.priority()));
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

// The notice goes while another thread frees the stream; the stream is still there then.
void DrainNotice::tell(event_callback*, void* told) {
  Stream& stream = *static_cast<Stream*>(told);
  from_loop(stream, [&] {
    if (stream.is_freed()) return;
    DrainNotice& notice = *stream.drain_notice();
    // The program may have written again since.
    if (!notice.is_due_ || !stream.is_drained()) return;
    notice.is_due_ = false;
    if (notice.callback_ == nullptr) return;
    stream.call_user(
        [&, callback = notice.callback_, arg = notice.arg_] { callback(&stream, arg); });
  });
}

}  // namespace ev
