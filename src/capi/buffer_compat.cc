// event2/buffer_compat.h, in its order.
#include <event2/buffer_compat.h>

#include "buffer/buffer.h"
#include "buffer/use.h"
#include "sys/door.h"

extern "C" {

char* evbuffer_readline(evbuffer* buffer) {
  return evbuffer_readln(buffer, nullptr, EVBUFFER_EOL_ANY);
}

int evbuffer_setcb(evbuffer* buffer, evbuffer_cb cb, void* cbarg) {
  ev::BufferUse use(*buffer);
  return ev::status([&] { buffer->replace_callbacks(cb, cbarg); });
}

unsigned char* evbuffer_find(evbuffer* buffer, const unsigned char* what, size_t len) {
  ev::BufferUse use(*buffer);
  const evbuffer_ptr found =
      buffer->search(reinterpret_cast<const char*>(what), len, nullptr, nullptr);
  if (found.pos < 0 || len == 0) return nullptr;
  const auto end = found.pos + static_cast<ev_ssize_t>(len);
  std::byte* front = ev::made_or_null([&] { return buffer->pull_up(end); });
  return front != nullptr ? reinterpret_cast<unsigned char*>(front + found.pos) : nullptr;
}

}  // extern "C"
