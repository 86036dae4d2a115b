#include "tls/openssl/bio.h"

namespace ev {
namespace {

TlsWire* wire_of(BIO* bio) { return static_cast<TlsWire*>(BIO_get_data(bio)); }

int read_bio(BIO* bio, char* into, int most) {
  BIO_clear_retry_flags(bio);
  TlsWire* wire = wire_of(bio);
  if (wire == nullptr || into == nullptr || most <= 0) return -1;
  const IoResult got = wire->receive(into, static_cast<std::size_t>(most));
  if (got.would_block()) BIO_set_retry_read(bio);
  return static_cast<int>(got.count);
}

int write_bio(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  TlsWire* wire = wire_of(bio);
  if (wire == nullptr || from == nullptr || size <= 0) return -1;
  const IoResult sent = wire->send(from, static_cast<std::size_t>(size));
  if (sent.would_block()) BIO_set_retry_write(bio);
  return static_cast<int>(sent.count);
}

long control_bio(BIO* bio, int command, long, void* argument) {
  TlsWire* wire = wire_of(bio);
  switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
      return 1;
    case BIO_CTRL_GET_CLOSE:
      return BIO_get_shutdown(bio);
    case BIO_CTRL_SET_CLOSE:
      return 1;  // the descriptor is the stream's
    case BIO_C_GET_FD: {
      const int fd = wire != nullptr ? wire->descriptor() : -1;
      if (argument != nullptr) *static_cast<int*>(argument) = fd;
      return fd;
    }
    default:
      return 0;
  }
}

int create_bio(BIO* bio) {
  BIO_set_init(bio, 1);
  BIO_set_shutdown(bio, BIO_NOCLOSE);
  return 1;
}

BIO_METHOD* make_method() {
  const int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR;
  BIO_METHOD* method = BIO_meth_new(type, "bevel wire");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, read_bio);
  BIO_meth_set_write(method, write_bio);
  BIO_meth_set_ctrl(method, control_bio);
  BIO_meth_set_create(method, create_bio);
  return method;
}

}  // namespace

BIO* new_wire_bio(TlsWire& wire) noexcept {
  static const BIO_METHOD* method = make_method();
  if (method == nullptr) return nullptr;
  BIO* bio = BIO_new(method);
  if (bio != nullptr) BIO_set_data(bio, &wire);
  return bio;
}

}  // namespace ev
