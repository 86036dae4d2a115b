// Local stream sockets in the abstract name space, which need no file. The process number of the
// listener stands in for a port.
#pragma once

namespace bench {

// A non-blocking listener. Prints "port N" so that the driver can tell the client.
int listen_abstract_and_announce();

// A blocking connection to the listener that announced this number.
int connect_abstract(int number);

}  // namespace bench
