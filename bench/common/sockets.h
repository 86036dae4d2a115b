// TCP, mostly over loopback, for the clients and the raw peers. Every failure ends the program: a benchmark that
// goes on after a failed call would print a wrong number.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

// Prints what failed together with errno, and exits.
[[noreturn]] void die(const char* what);

// Passes a system call's result through; dies if it is negative.
int checked(int result, const char* what);

// A non-blocking listener on a free port of 127.0.0.1 or another address. Prints "port N" so that
// the driver can tell the client.
int listen_and_announce(const std::string& address = "127.0.0.1");

// A blocking connection with Nagle's algorithm off.
int connect_to(std::uint16_t port, const std::string& address = "127.0.0.1");

void set_blocking(int fd, bool blocking);
void set_nodelay(int fd);

// Closes with a reset. The load generators open more connections in a minute than there are ports,
// and a reset leaves no TIME_WAIT behind.
void close_with_reset(int fd);

}  // namespace bench
