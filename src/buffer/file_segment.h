// A range of a file that buffers can hold without reading it: sent with sendfile() where the
// buffer's owner allows it, otherwise mapped (or, when it is small or cannot be mapped, read) once,
// by whoever needs the bytes first. Counted: by the program and by every chain that shows a part of
// it. The count and the reading are safe from several threads.
#pragma once

#include <event2/buffer.h>

#include <atomic>
#include <cstddef>

#include "sys/lock.h"
#include "sys/memory.h"

struct evbuffer_file_segment final : ev::Allocated {
 public:
  // `length` -1: up to the end of the file. Null (errno tells why) when the range makes no sense,
  // or when the bytes can be had neither by sendfile nor by reading them. Throws std::bad_alloc. On
  // failure `fd` stays the caller's.
  static evbuffer_file_segment* make(int fd, ev_off_t offset, ev_off_t length, unsigned flags);

  void hold() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;  // the last one calls the cleanup callback

  // Where the bytes are; null when they cannot be read (errno tells why). Stays valid as long as
  // the segment.
  std::byte* bytes() noexcept;
  // True when the kernel can send the range without our reading it.
  bool allows_sendfile() const noexcept { return sendable_; }

  void set_cleanup(evbuffer_file_segment_cleanup_cb callback, void* argument) noexcept;
  void close_on_free() noexcept { flags_ |= EVBUF_FS_CLOSE_ON_FREE; }

  int fd() const noexcept { return fd_; }
  ev_off_t offset() const noexcept { return offset_; }  // in the file
  std::size_t size() const noexcept { return size_; }

 private:
  evbuffer_file_segment(int fd, ev_off_t offset, std::size_t size, unsigned flags) noexcept
      : fd_(fd), offset_(offset), size_(size), flags_(flags) {}
  ~evbuffer_file_segment();
  std::byte* map() noexcept;
  std::byte* read_all() noexcept;

  std::atomic<unsigned> count_{1};
  int fd_;
  ev_off_t offset_;
  std::size_t size_;
  unsigned flags_;
  bool sendable_ = false;
  ev::Lock lock_;
  std::byte* bytes_ = nullptr;
  void* mapping_ = nullptr;  // page-aligned start of a mapping; null: bytes_ is on the heap
  std::size_t mapping_size_ = 0;
  evbuffer_file_segment_cleanup_cb cleanup_ = nullptr;
  void* cleanup_argument_ = nullptr;
};
