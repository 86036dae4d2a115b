"""As much of a DNS client as the tests need: questions for one type, and the answers taken apart."""

import socket
import struct

import programs

A, SOA, AXFR = 1, 6, 252
IN = 1


def question(name, kind, number=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, IN)


def ask(port, name, kind=A):
    """Over UDP. Returns (response code, [(kind, data)...])."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(programs.PATIENCE)
        udp.connect(("127.0.0.1", port))
        udp.send(question(name, kind))
        return parse(udp.recv(65535))


def ask_stream(port, name, kind=A):
    """Over TCP. Yields what ask() returns, message by message."""
    with programs.connect(port) as stream, stream.makefile("rb") as answers:
        message = question(name, kind)
        stream.sendall(struct.pack("!H", len(message)) + message)
        while head := answers.read(2):
            yield parse(answers.read(struct.unpack("!H", head)[0]))
            if kind != AXFR:
                return


def parse(message):
    _, flags, questions, answers, _, _ = struct.unpack_from("!6H", message)
    position = 12
    for _ in range(questions):
        position = _after_name(message, position) + 4
    records = []
    for _ in range(answers):
        position = _after_name(message, position)
        kind, _, _, length = struct.unpack_from("!2HIH", message, position)
        position += 10
        records.append((kind, message[position:position + length]))
        position += length
    return flags & 15, records


def _after_name(message, position):
    while (length := message[position]) != 0:
        if length >= 0xC0:
            return position + 2
        position += 1 + length
    return position + 1


def address(text):
    return A, socket.inet_aton(text)
