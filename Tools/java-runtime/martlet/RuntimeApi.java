// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** A client for one kept-alive HTTP/1.1 connection and one request at a time. */
final class RuntimeApi {
    private static final String ROOT = "/2018-06-01/runtime/";
    private static final int HEAD_LIMIT_BYTES = 1 << 20;
    private static final byte[] NOTHING = {};
    /** How often a process asks again to be restored; a copy has one broken connection behind it. */
    private static final int RESTORES = 8;

    final String address;
    private final byte[] nextRequest;
    private final byte[] restoreRequest;
    private Socket socket;
    private InputStream input;
    private OutputStream output;
    private byte[] buffer = new byte[16384];
    private int start;
    private int end;
    private int status;
    Map<String, String> headers = new HashMap<>();

    RuntimeApi(String address) {
        this.address = address;
        nextRequest = bytes("GET " + ROOT + "invocation/next HTTP/1.1\r\nHost: " + address + "\r\n\r\n");
        restoreRequest = bytes("GET " + ROOT + "restore/next HTTP/1.1\r\nHost: " + address + "\r\n\r\n");
    }

    /** The event; its headers are in `headers`, with names in lower case. */
    byte[] next() throws IOException {
        byte[] body = exchange(nextRequest, NOTHING, 0);
        if (status != 200) throw new IOException("Failed to get next invocation. Response code: " + status);
        return body;
    }

    /** Waits to be restored. The connection breaks when this process is a copy of the one that asked: it asks again. */
    void rest() throws IOException {
        for (int i = 0; i < RESTORES; i++) {
            try {
                exchangeOnce(restoreRequest, NOTHING, 0);
            } catch (IOException broken) {
                close();
                continue;
            }
            if (status != 200) throw new IOException("Failed to be restored. Response code: " + status);
            return;
        }
        throw new IOException("Failed to be restored. The Runtime API closed every connection");
    }

    /** Sends one answer. 413 is left to the server, which has already told the caller. */
    void post(String path, byte[] body, int size, String errorType) throws IOException {
        String head = "POST " + ROOT + path + " HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\n"
                + (errorType == null ? "" : "Lambda-Runtime-Function-Error-Type: " + errorType + "\r\n")
                + "Content-Length: " + size + "\r\n\r\n";
        exchange(bytes(head), body, size);
        if ((status < 200 || status > 299) && status != 413)
            throw new IOException("Failed to post " + path + ". Response code: " + status);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Tries once more on a fresh connection when a kept one turns out to be closed. */
    private byte[] exchange(byte[] head, byte[] body, int size) throws IOException {
        boolean kept = socket != null;
        try {
            return exchangeOnce(head, body, size);
        } catch (IOException error) {
            close();
            if (!kept) throw error;
            return exchangeOnce(head, body, size);
        }
    }

    private byte[] exchangeOnce(byte[] head, byte[] body, int size) throws IOException {
        if (socket == null) connect();
        if (size < 65536) {
            byte[] whole = Arrays.copyOf(head, head.length + size);
            System.arraycopy(body, 0, whole, head.length, size);
            output.write(whole);
        } else {
            output.write(head);
            output.write(body, 0, size);
        }
        return receive();
    }

    void connect() throws IOException {
        int colon = address.lastIndexOf(':');
        String host = address.substring(0, colon);
        InetAddress peer = "127.0.0.1".equals(host)
                ? InetAddress.getByAddress(new byte[] {127, 0, 0, 1})
                : InetAddress.getByName(host);
        Socket made = new Socket(Proxy.NO_PROXY); // no look for a proxy, which costs milliseconds
        made.connect(new InetSocketAddress(peer, Integer.parseInt(address.substring(colon + 1))));
        made.setTcpNoDelay(true);
        input = made.getInputStream();
        output = made.getOutputStream();
        start = end = 0;
        socket = made;
    }

    void close() throws IOException {
        if (socket != null) socket.close();
        socket = null;
    }

    private byte[] receive() throws IOException {
        headers = new HashMap<>();
        status = Integer.parseInt(line().split(" ", 3)[1]);
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            if (colon > 0) headers.put(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).trim());
        }
        boolean chunked = "chunked".equalsIgnoreCase(headers.get("transfer-encoding"));
        String length = headers.get("content-length");
        byte[] body = chunked ? chunks() : exactly(length == null ? 0 : Integer.parseInt(length));
        if ("close".equalsIgnoreCase(headers.get("connection"))) close();
        return body;
    }

    private byte[] chunks() throws IOException {
        byte[] body = NOTHING;
        while (true) {
            int size = Integer.parseInt(line().split(";")[0].trim(), 16);
            if (size == 0) break;
            byte[] part = exactly(size);
            body = Arrays.copyOf(body, body.length + size);
            System.arraycopy(part, 0, body, body.length - size, size);
            line();
        }
        while (!line().isEmpty()) continue; // trailers carry nothing that a runtime needs
        return body;
    }

    private String line() throws IOException {
        for (int at = start; ; at++) {
            if (at == end) {
                int known = at - start;
                fill();
                at = start + known;
            }
            if (buffer[at] != '\n') continue;
            String line = new String(buffer, start, at - start, StandardCharsets.UTF_8);
            start = at + 1;
            return line.endsWith("\r") ? line.substring(0, line.length() - 1) : line;
        }
    }

    private byte[] exactly(int size) throws IOException {
        if (size < 0) throw new IOException("negative length");
        byte[] body = new byte[size];
        int filled = Math.min(size, end - start);
        System.arraycopy(buffer, start, body, 0, filled);
        start += filled;
        while (filled < size) {
            int count = input.read(body, filled, size - filled);
            if (count < 0) throw new EOFException("the Runtime API closed the connection");
            filled += count;
        }
        return body;
    }

    private void fill() throws IOException {
        if (start > 0) {
            System.arraycopy(buffer, start, buffer, 0, end - start);
            end -= start;
            start = 0;
        }
        if (end == buffer.length) {
            if (end >= HEAD_LIMIT_BYTES) throw new IOException("the Runtime API sent a head without an end");
            buffer = Arrays.copyOf(buffer, end * 2);
        }
        int count = input.read(buffer, end, buffer.length - end);
        if (count < 0) throw new EOFException("the Runtime API closed the connection");
        end += count;
    }
}
