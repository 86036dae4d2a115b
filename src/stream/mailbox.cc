#include "stream/mailbox.h"

#include <mutex>

#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {

Mailbox::Mailbox(Stream& stream) : stream_(stream) {
  deliver_.assign(on_mail, &stream, static_cast<std::uint8_t>(stream.priority()));
}

Mailbox::~Mailbox() { leave_loop(); }

void Mailbox::leave_loop() noexcept { cancel(stream_.loop(), deliver_); }

template <class Add>
bool Mailbox::add(Add add) {
  std::lock_guard guard(lock_);
  if (!add()) return false;
  schedule(stream_.loop(), deliver_);
  return true;
}

bool Mailbox::post(const void* data, std::size_t size) {
  return add([&] { return letters_.append(data, size); });
}

bool Mailbox::post(evbuffer& source) {
  return add([&] { return letters_.append_buffer(source); });
}

void Mailbox::deliver() {
  evbuffer taken;
  {
    std::lock_guard guard(lock_);
    if (letters_.empty()) return;
    letters_.move_front_to(taken, letters_.size());
  }
  taken.move_front_to(*stream_.output, taken.size());
}

void Mailbox::on_mail(event_callback*, void* self) {
  Stream& stream = *static_cast<Stream*>(self);
  from_loop(stream, [&] { stream.deliver_mail(); });
}

}  // namespace ev
