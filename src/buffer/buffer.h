// A queue of bytes kept in chains of memory: added at the back, taken from the front, moved between
// buffers without copying. The C type `struct evbuffer` is this class. One thread at a time; with
// enable_locking() the doors of the C interface take the lock, the methods here never do.
//
//   first_ -> [####] -> [#######] -> [###.....] <- last_     # bytes   . room to append
//                                        |
//                                        +-> [........]        at most one spare chain: reserved
//                                        room behind last_
//
// Only last_ may have no bytes, and only when the whole buffer has none. An empty buffer normally
// owns no chain at all.
//
// Whoever changes the bytes calls changed() last: user callbacks run in there, and they may do
// anything to this buffer.
#pragma once

#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sys/io_result.h"
#include "sys/lock.h"
#include "sys/memory.h"

namespace ev {

struct Chain;
struct BufferExtras;
class BufferUse;

// The stream that owns a buffer.
struct BufferObserver {
  // After every change, and after the user's callbacks for it.
  virtual void on_buffer_change(evbuffer& buffer, std::size_t added, std::size_t deleted) = 0;

  // Around a C call on a buffer that has user callbacks: these may free the observer, which has to
  // stay until release().
  virtual void hold() noexcept {}
  virtual void release() noexcept {}

 protected:
  ~BufferObserver() = default;
};

enum class End { front, back };

}  // namespace ev

struct evbuffer final : ev::Allocated {
 public:
  // The most that one C call can report, and that a buffer can hold.
  static constexpr std::size_t max_size = EV_SSIZE_MAX;
  static constexpr std::size_t default_max_read = 16384;

  evbuffer() noexcept = default;
  ~evbuffer();
  evbuffer(const evbuffer&) = delete;
  evbuffer& operator=(const evbuffer&) = delete;

  std::size_t size() const noexcept { return total_; }
  bool empty() const noexcept { return total_ == 0; }
  std::size_t contiguous_size() const noexcept;  // bytes in the first chain

  // --- Adding. False, and nothing changed, while that end is frozen or when the size would pass
  // max_size. ---
  bool append(const void* data, std::size_t size);
  bool prepend(const void* data, std::size_t size);
  bool append_buffer(
      evbuffer& source);  // moves the chains; false as well while the source's front is frozen
  bool prepend_buffer(evbuffer& source);  // the same, in front
  // Shows the caller's memory until it is drained; `cleanup` (may be null) is called exactly once,
  // and not when refused.
  bool append_reference(const void* data, std::size_t size, evbuffer_ref_cleanup_cb cleanup,
                        void* argument);
  // Shows the source's bytes without copying or draining them. Refused for sources that hold shared
  // bytes or files.
  bool append_shared(evbuffer& source);
  // `length` -1: up to the segment's end. Takes a reference of its own.
  bool append_file(evbuffer_file_segment& segment, ev_off_t offset, ev_off_t length);
  std::size_t append_vectors(const iovec* vectors, int count);  // bytes added
  int append_format(const char* format, va_list arguments);     // bytes added, or -1

  // --- Taking. False or -1, and nothing changed, while the front is frozen. ---
  bool drain(std::size_t size);
  ssize_t remove(void* out, std::size_t most);
  ssize_t remove_to(evbuffer& destination,
                    std::size_t most);  // moves chains, copies or shares the last piece
  ssize_t copy_out(void* out, std::size_t most) const;
  ssize_t copy_out_from(const evbuffer_ptr& from, void* out, std::size_t most) const;
  char* read_line(std::size_t* length,
                  evbuffer_eol_style style);  // freed with ev::release(); null: no whole line

  // --- Looking ---
  std::byte* pull_up(
      ssize_t size);  // null: fewer bytes than that, or `size` is 0. Negative: everything
  int peek(iovec* vectors, int most, ssize_t bytes,
           const evbuffer_ptr* from) const;  // evbuffer_peek()
  evbuffer_ptr search(const char* needle, std::size_t size, const evbuffer_ptr* from,
                      const evbuffer_ptr* end) const;
  evbuffer_ptr search_end_of_line(const evbuffer_ptr* from, std::size_t* length,
                                  evbuffer_eol_style style) const;
  bool set_position(evbuffer_ptr& position, std::size_t offset,
                    evbuffer_ptr_how how) const noexcept;

  // --- Room at the back ---
  bool expand(std::size_t size);
  int reserve(ssize_t size, iovec* vectors, int most);  // extents handed out, or -1
  bool commit(const iovec* vectors, int count);  // false: these are not the extents of reserve()

  // --- Descriptors, as the C calls want them: freezing is respected, and empty writes are refused
  // with -1 ---
  ev::IoResult read(int fd, ssize_t most);
  ev::IoResult write(int fd, ssize_t most);

  // --- The owner's own ways. They do not look at freezing, run callbacks and observer, and never
  // do zero-byte I/O --- One read of at most `most` and `read_size` bytes, straight into a chunk of
  // the thread's cache, which is handed over when it is at least half full and copied out of
  // otherwise. Never fails for want of memory after bytes were read.
  ev::IoResult read_from(int fd, std::size_t most, std::size_t read_size);
  // One send(), sendmsg() or sendfile() of at most `most` bytes; never raises SIGPIPE.
  ev::IoResult write_to(int fd, std::size_t most);
  std::span<std::byte> reserve_contiguous(
      std::size_t size);                     // at least `size` bytes of room, e.g. for a TLS read
  void commit_contiguous(std::size_t size);  // of the last reserve_contiguous()
  // Extents from the front, without copying; how many were used. Files are made readable: 0 when
  // that fails.
  int peek(iovec* vectors, int most, std::size_t bytes) const noexcept;
  void take_front(std::size_t size);
  void move_front_to(evbuffer& destination, std::size_t size);
  bool put(const void* data, std::size_t size);  // append(); false: too large

  // --- Rules ---
  void freeze(ev::End end) noexcept;
  void unfreeze(ev::End end) noexcept;
  bool frozen(ev::End end) const noexcept { return (flags_ & freeze_bit(end)) != 0; }
  void set_drains_to_fd(bool on) noexcept;
  bool set_max_read(std::size_t bytes);  // of one read(); false above INT_MAX
  std::size_t max_read() const noexcept;

  // --- Who hears of changes ---
  // Without callbacks, lock and settings: only the observer knows of it.
  bool is_plain() const noexcept { return rare() == nullptr; }
  bool has_callbacks() const noexcept;
  void set_observer(ev::BufferObserver* observer) noexcept;
  ev::BufferObserver* observer() const noexcept;
  evbuffer_cb_entry* add_callback(evbuffer_cb_func function, void* argument);
  void replace_callbacks(evbuffer_cb function, void* argument);  // null: only removes them
  bool remove_callback(evbuffer_cb_entry* entry) noexcept;
  bool remove_callback(evbuffer_cb_func function, void* argument) noexcept;
  void defer_callbacks(event_base& loop, std::uint8_t priority);

  // --- Locking ---
  ev::Lock& lock() noexcept;  // an empty one when locking is not enabled
  bool has_lock() const noexcept;
  void enable_locking(ev::Lock lock);

  // What evbuffer_free() does: now, or as soon as the call is over that ran the callback we are in,
  // or behind the deferred callbacks that are due.
  static void destroy(evbuffer* buffer) noexcept;

 private:
  friend class ev::BufferUse;

  static constexpr std::uint8_t has_files =
      4;  // some chain may still have to be read from its file
  static constexpr std::uint8_t drains_to_fd = 8;
  static constexpr std::uint8_t has_reserved = 16;  // nothing was added since reserve()
  static constexpr std::uintptr_t extras_bit = 1;
  static constexpr std::uint8_t freeze_bit(ev::End end) noexcept {
    return end == ev::End::front ? 1 : 2;
  }

  // Changing the chains; none of these looks at freezing or announces anything.
  bool fits(std::size_t size) const noexcept { return size <= max_size - total_; }
  // How much to allocate for `size` more bytes.
  std::size_t grown(std::size_t size, const ev::Chain* beside) const noexcept;
  void copy_in(const void* data, std::size_t size);
  void copy_in_pieces(const void* data, std::size_t size);
  void link_back(ev::Chain* chain) noexcept;  // a chain with bytes
  void link_back(ev::Chain* first, ev::Chain* last, std::size_t size) noexcept;
  void link_front(ev::Chain* first, ev::Chain* last, std::size_t size) noexcept;
  ev::Chain* unlink_front(
      std::size_t size) noexcept;  // the chains that are done with, for release_chains()
  // Out of line, like transfer_piecewise(), so that those who hardly ever need it save fewer
  // registers.
  [[gnu::noinline]] void replace_spare(ev::Chain* chain) noexcept;
  void inherit_files(const evbuffer& source) noexcept;
  std::span<std::byte> contiguous_room(std::size_t size);
  ev::Chain* spare() const noexcept;
  std::size_t room() const noexcept;
  void add_to_tail(std::size_t size) noexcept;
  void add_to_spare(std::size_t size) noexcept;
  void commit_spare(std::size_t size) noexcept;
  void transfer(evbuffer& destination, std::size_t size);
  [[gnu::noinline]] void transfer_piecewise(evbuffer& destination, std::size_t size);
  static void release_chains(ev::Chain* first) noexcept;

  // Reading: positions are a chain and an index in it; null is the end.
  struct Place {
    ev::Chain* chain;
    std::size_t at;
  };
  Place place_of(std::size_t offset) const noexcept;
  Place place_of(const evbuffer_ptr* position) const noexcept;
  static Place place_behind(const Place& start, std::size_t distance) noexcept;
  bool make_readable(
      std::size_t size) const noexcept;  // the first `size` bytes; errno tells why not
  void copy_from(Place place, void* out, std::size_t size) const noexcept;

  ssize_t receive(int fd, void* into, std::size_t most) noexcept;
  void take_in(ev::Chain& chunk, std::size_t size) noexcept;
  ev::Chain* moved_to_smaller(ev::Chain& chunk, std::size_t size) noexcept;
  ev::IoResult send_bytes(int fd, std::size_t most) noexcept;
  ev::IoResult send_file(int fd, std::size_t most) noexcept;

  struct Change {
    std::size_t added;
    std::size_t deleted;
  };
  // Tells callbacks and observer; the last thing that a change does.
  void changed(std::size_t added, std::size_t deleted) {
    if (heard_by_ == 0) return;
    if (rare() != nullptr) return announce({added, deleted});
    observer_in(heard_by_)->on_buffer_change(*this, added, deleted);
  }
  // The same for two that changed together, in this order.
  static void both_changed(evbuffer& one, Change of_one, evbuffer& other, Change of_other) {
    if (!one.is_plain() || !other.is_plain()) return announce_both(one, of_one, other, of_other);
    one.changed(of_one.added, of_one.deleted);
    other.changed(of_other.added, of_other.deleted);
  }
  static void announce_both(evbuffer& one, Change of_one, evbuffer& other, Change of_other);
  void announce(Change change);
  void count(Change change) noexcept;
  void tell(Change change);
  bool tell_callbacks();
  void run_deferred();
  void cancel_deferred() noexcept;
  void await_last_rites() noexcept;
  // What few buffers need; null for most.
  ev::BufferExtras* rare() const noexcept {
    return (heard_by_ & extras_bit) != 0
               ? reinterpret_cast<ev::BufferExtras*>(heard_by_ - extras_bit)
               : nullptr;
  }
  static ev::BufferObserver* observer_in(std::uintptr_t heard_by) noexcept {
    return reinterpret_cast<ev::BufferObserver*>(heard_by);
  }
  ev::BufferExtras& extras();

  ev::Chain* first_ = nullptr;
  ev::Chain* last_ = nullptr;
  std::size_t total_ = 0;
  // The observer; or, with extras_bit, the extras, which then know the observer. One pointer,
  // because every stream pays for it twice.
  std::uintptr_t heard_by_ = 0;
  int plain_fd_ = -1;  // the last descriptor that send() or recv() refused: no socket
  std::uint8_t flags_ = 0;
};

namespace ev {
using Buffer = ::evbuffer;
static_assert(sizeof(Buffer) <= 40, "streams embed two of these");
}  // namespace ev
