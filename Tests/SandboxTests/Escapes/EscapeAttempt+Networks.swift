// SPDX-License-Identifier: Apache-2.0

extension EscapeAttempt {
    /// Attacks on networks and sockets that are not the sandbox's.
    static let onNetworks = [
        EscapeAttempt(
            "open sockets below IP",
            """
            import socket
            for family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW), (socket.AF_INET6, socket.SOCK_RAW), (38, socket.SOCK_SEQPACKET), (40, socket.SOCK_STREAM), (44, socket.SOCK_RAW), (31, socket.SOCK_RAW)):
                attempt(lambda: socket.socket(family, kind, 1 if kind == socket.SOCK_RAW else 0) and f'family {family}')
            """
        ),
        EscapeAttempt(
            "reach another network",
            """
            import socket
            attempt(lambda: [n for _, n in socket.if_nameindex() if n != 'lo'])
            attempt(lambda: socket.create_connection(('8.8.8.8', 53), 1) and 'the internet')
            """
        ),
        EscapeAttempt(
            "find abstract sockets of the host",
            "attempt(lambda: [l for l in open('/proc/net/unix').read().splitlines()[1:] if '@' in l])"
        ),
    ]
}
