// libevent_extra is the place of DNS, HTTP, RPC and tagged data. Bevel has none of them, so the
// library exports nothing: programs that merely name it still link and load, and programs that use
// one of those modules learn about it from the linker instead of from a function that fails at run
// time.
