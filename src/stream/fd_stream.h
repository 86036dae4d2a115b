// A stream on a descriptor: its two events, its timeouts, and connecting. SocketStream and
// TlsStream move the bytes.
//
// ev_read is registered while the stream wants to read; ev_write only while it waits: for a
// connection, or for room after the kernel took less than all. Otherwise output leaves right after
// the callback that wrote it (Loop::flush_soon), so a message costs no epoll_ctl.
#pragma once

#include <netdb.h>
#include <sys/socket.h>

#include <memory>

#include "net/connector.h"
#include "net/resolver.h"
#include "stream/stream.h"

namespace ev {

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, FreeAddresses>;

class FdStream : public Stream {
 public:
  int fd() const noexcept override { return ev_read.ev_fd; }
  bool set_fd(int fd) override;
  bool set_base(Loop& loop) override;
  bool set_priority(int priority) override;
  FdStream* as_fd_stream() noexcept override { return this; }
  bool is_cut_off() const noexcept override { return ev_read.ev_fd < 0 && !is_connecting(); }

  // Begins to connect. With an address: on our descriptor, or on a new socket that CLOSE_ON_FREE or
  // not is closed with us. Without: the program called connect() itself. False: not even begun
  // (errno); everything later is an event.
  bool connect(const sockaddr* address, int length);
  // Resolves, then tries every address (RFC 8305). All failures are events; dns_error() tells those
  // of the resolver.
  bool connect_hostname(const addrinfo& hints, const char* host, int port);
  // A stream above has waited long enough: no address is tried any more.
  void give_up_addresses();

 protected:
  FdStream(Loop& loop, int fd, int options);
  ~FdStream() override;

  void stop(short what) override;
  void adjust_timeouts() override;
  void on_output_added() override;
  void pause(short what) override;
  void give_back() noexcept override;
  void leave_loop() noexcept override;

  virtual void on_readable() = 0;
  virtual void on_writable() = 0;
  virtual void on_timeout(short direction);
  // The descriptor is connected now. May free the stream.
  virtual void on_connected() { raise_event(BEV_EVENT_CONNECTED); }

  bool is_connecting() const noexcept {
    return connecting_ || (rare() != nullptr && rare()->attempt != nullptr);
  }
  // True once connected; raises the outcome. Ask is_freed() afterwards.
  bool finish_connecting();
  // Tells the peer that no more comes (FIN).
  EndOutput shut_down_descriptor() noexcept;
  bool wait_readable();
  bool wait_writable();
  bool is_waiting_writable() const noexcept;
  void flush_soon() { loop().flush_soon(ev_write); }

 private:
  static void read_event(int fd, short what, void* self);
  static void write_event(int fd, short what, void* self);
  static void on_resolved(const ResolveRequest* request, int gai_error, addrinfo* list, void* self);
  static void on_attempt_done(const Connector* connector, int fd, int error, void* self);
  void assign_events(int fd);
  void begin_attempts(AddressList list);
  bool is_trying() const noexcept;
  void fail_to_connect(int error, int options);
  // Nobody is asked or tried any more; what waited for it goes on.
  void end_attempt();
  void forget_attempt() noexcept;
  void tell_connecting();
};

}  // namespace ev
