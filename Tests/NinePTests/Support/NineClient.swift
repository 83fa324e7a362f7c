// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

/// What Rlerror says.
struct Refused: Error, Equatable, CustomStringConvertible {
    let code: Int32
    init(_ code: Int32) { self.code = code }
    var description: String { SystemError.text(of: code) }
}

/// The connection has ended.
struct Ended: Error {}

/// A client that speaks to a server over a pair of sockets, one request at a time. Its root, fid 0, is an export.
final class NineClient {
    private let socket: Int32
    private let ended: Int32
    private var nextFid: UInt32 = 1_000_000

    /// Over a connection that somebody serves.
    init(over socket: Int32, ended: Int32 = -1) {
        var patience = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        self.socket = socket
        self.ended = ended
    }

    convenience init(connectedTo server: NinePServer) throws {
        var pair: [Int32] = [-1, -1]
        var pipe: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        try #require(Glibc.pipe(&pipe) == 0)
        let (far, done) = (FileDescriptor(pair[1]), pipe[1])
        try detachThread(named: "9p") {
            server.serve(far)
            close(done)
        }
        self.init(over: pair[0], ended: pipe[0])
    }

    /// With the root of the export of that name.
    static func run(
        _ server: NinePServer,
        _ name: String = "",
        _ body: (NineClient) throws -> Void
    ) throws {
        let client = try NineClient(connectedTo: server)
        _ = try client.version()
        _ = try client.attach(0, name)
        try body(client)
        client.end()
    }

    deinit { close(socket) }

    /// Ends the connection, and waits until the server has let go of it.
    func end() {
        leave()
        var byte: UInt8 = 0
        _ = Glibc.read(ended, &byte, 1)
        close(ended)
    }

    func leave() { shutdown(socket, Int32(SHUT_RDWR)) }

    // MARK: Bytes

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Ended() }
            rest = rest.dropFirst(count)
        }
    }

    func finishSending() { shutdown(socket, Int32(SHUT_WR)) }

    private func receive(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let here = recv(socket, &part, part.count, 0)
            guard here > 0 else {
                #expect(here == 0 || errno == ECONNRESET, "the server neither answers nor ends the connection")
                throw Ended()
            }
            bytes += part.prefix(here)
        }
        return bytes
    }

    /// The next answer: type, tag, fields.
    func receive() throws -> (UInt8, UInt16, [UInt8]) {
        var header = Answer(try receive(7))
        let size = Int(header.next(UInt32.self))
        let (type, tag) = (header.next(UInt8.self), header.next(UInt16.self))
        try #require(size >= 7)
        return (type, tag, try receive(size - 7))
    }

    var hasEnded: Bool {
        do {
            _ = try receive()
            return false
        } catch {
            return error is Ended
        }
    }

    /// Sends a request. Throws `Refused` for Rlerror.
    func call(_ type: MessageType, _ fields: Fields) throws -> Answer {
        try send(fields.message(type, tag: 77))
        let (answered, tag, body) = try receive()
        var answer = Answer(body)
        #expect(tag == 77)
        if answered == 7 { throw Refused(Int32(bitPattern: answer.next(UInt32.self))) }
        #expect(answered == type.rawValue + 1)
        return answer
    }

    // MARK: Requests

    func version(_ bytes: UInt32 = 64 << 10, _ name: String = "9P2000.L") throws -> (bytes: UInt32, name: [UInt8]) {
        var answer = try call(.version, Fields().with(bytes).with(name))
        return (answer.next(), answer.text())
    }

    func attach(_ fid: UInt32, _ name: String = "") throws -> Qid {
        var answer = try call(.attach, Fields.attach(fid, name))
        return answer.qid()
    }

    func walk(_ fid: UInt32, _ newFid: UInt32, _ names: [String]) throws -> [Qid] {
        var answer = try call(.walk, Fields.walk(fid, newFid, names))
        return (0..<answer.next(UInt16.self)).map { _ in answer.qid() }
    }

    /// Fids from 1 to `count` for one name below the root, asked for without waiting for each answer.
    func walkMany(_ count: UInt32, _ name: String) throws {
        for start in stride(from: 1, through: count, by: 500) {
            let numbers = start...min(count, start + 499)
            try send(numbers.flatMap { Fields.walk(0, $0, [name]).message(.walk) })
            for _ in numbers { try #require(try receive().0 == MessageType.walk.answer) }
        }
    }

    /// A new fid for what lies at `path`, names with `/` between them.
    func find(_ path: String, from fid: UInt32 = 0) throws -> UInt32 {
        let names = path.split(separator: "/").map(String.init)
        let number = nextFid
        nextFid += 1
        guard try walk(fid, number, names).count == names.count else { throw Refused(ENOENT) }
        return number
    }

    func open(_ fid: UInt32, _ flags: Int32 = O_RDONLY) throws -> Qid {
        var answer = try call(.lopen, Fields().with(fid).with(UInt32(bitPattern: flags)))
        let qid = answer.qid()
        #expect(answer.next(UInt32.self) == 0)
        return qid
    }

    func read(_ fid: UInt32, at offset: UInt64 = 0, _ count: UInt32 = 65_536) throws -> [UInt8] {
        var answer = try call(.read, Fields().with(fid).with(offset).with(count))
        let length = Int(answer.next(UInt32.self))
        #expect(answer.rest.count == length)
        return Array(answer.rest)
    }

    /// All that the file at `path` has.
    func content(_ path: String) throws -> String {
        let fid = try find(path)
        defer { try? clunk(fid) }
        _ = try open(fid)
        return String(decoding: try read(fid), as: UTF8.self)
    }

    func clunk(_ fid: UInt32) throws { _ = try call(.clunk, Fields().with(fid)) }

    struct Entry {
        let qid: Qid
        let next: UInt64
        let type: UInt8
        let name: String
    }

    func entries(_ fid: UInt32, from offset: UInt64, _ count: UInt32 = 8_192) throws -> [Entry] {
        var answer = try call(.readdir, Fields().with(fid).with(offset).with(count))
        let length = Int(answer.next(UInt32.self))
        #expect(answer.rest.count == length)
        var entries: [Entry] = []
        while !answer.rest.isEmpty {
            let qid = answer.qid()
            let (next, type) = (answer.next(UInt64.self), answer.next(UInt8.self))
            entries.append(
                Entry(qid: qid, next: next, type: type, name: String(decoding: answer.text(), as: UTF8.self))
            )
        }
        return entries
    }

    /// All of a directory, with so many bytes in an answer.
    func list(_ fid: UInt32, _ count: UInt32 = 8_192) throws -> [Entry] {
        var all: [Entry] = []
        while true {
            let more = try entries(fid, from: all.last?.next ?? 0, count)
            guard !more.isEmpty else { return all }
            all += more
        }
    }

    struct Attributes {
        let valid: UInt64
        let qid: Qid
        let mode: UInt32
        let user: UInt32
        let group: UInt32
        /// Links, device, size, block size, blocks; then seconds and nanoseconds of four times, generation, version.
        let numbers: [UInt64]
    }

    func attributes(_ fid: UInt32) throws -> Attributes {
        var answer = try call(.getattr, Fields().with(fid).with(UInt64(0x7ff)))
        let attributes = Attributes(
            valid: answer.next(),
            qid: answer.qid(),
            mode: answer.next(),
            user: answer.next(),
            group: answer.next(),
            numbers: (0..<15).map { _ in answer.next() }
        )
        #expect(answer.rest.isEmpty)
        return attributes
    }

    func target(_ fid: UInt32) throws -> String {
        var answer = try call(.readlink, Fields().with(fid))
        return String(decoding: answer.text(), as: UTF8.self)
    }

    func attribute(_ name: String, of fid: UInt32) throws -> [UInt8] {
        let number = nextFid
        nextFid += 1
        var answer = try call(.xattrwalk, Fields().with(fid).with(number).with(name))
        let size = answer.next(UInt64.self)
        let bytes = try read(number)
        #expect(bytes.count == Int(size))
        try clunk(number)
        return bytes
    }
}
