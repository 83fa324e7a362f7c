// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// The jailer by itself: what it makes of messages, and of the death of others.
@Suite("Jailer", .timeLimit(.minutes(TestMachines.areAllWanted ? 60 : 20))) struct JailerTests {
    @Test(
        "random and mutated messages never crash the jailer, and leave nothing behind",
        arguments: [1, 2, 3, 4] as [UInt64]
    )
    func fuzz(seed: UInt64) async throws {
        guard await DriverKind.usable().contains(.namespace) else { return }
        let jailer = try JailerProcess.start(jailerCommand)
        var random = SeededGenerator(seed)
        try jailer.send(.hello, request: 1, body: greeting)
        _ = try #require(jailer.receive()).contents()
        for round in 0..<400 {
            try #require(jailer.sendRaw(random.message()), "the jailer has hung up in round \(round)")
            // Answers must be taken, or the socket fills and both wait.
            try jailer.send(.raw(0xffff), request: 0xabcdef, body: [])
            drain(jailer, until: 0xabcdef)
        }
        try jailer.send(.examine, request: 0xfedcba, body: [])
        #expect(drain(jailer, until: 0xfedcba))
        jailer.hangUp()
        while let message = jailer.receive() { message.descriptors.closeAll() }
        #expect(jailer.reap() == 0)
        #expect(leftovers(of: jailer.processID).isEmpty)
    }

    @Test("a jailer that was not greeted answers every message with an error", arguments: [5, 6] as [UInt64])
    func fuzzWithoutGreeting(seed: UInt64) async throws {
        let jailer = try JailerProcess.start(jailerCommand)
        var random = SeededGenerator(seed)
        for operation in [2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14] as [UInt32] {
            try jailer.send(.raw(operation), request: operation, body: random.bytes(upTo: 300))
            let answer = try #require(jailer.receive())
            #expect(answer.request == operation)
            #expect(throws: JailerFailure.self) { try answer.contents() }
        }
        jailer.hangUp()
        #expect(jailer.reap() == 0)
    }

    @Test(
        "messages that are too long, too short or of a wrong length get an error or nothing, and the next is answered"
    )
    func wrongLengths() throws {
        let jailer = try JailerProcess.start(jailerCommand)
        jailer.setPatience(seconds: 10)
        #expect(jailer.sendRaw([1, 2, 3]))
        #expect(jailer.sendRaw(header(operation: 9, request: 5, length: 4)))
        #expect(try #require(jailer.receive()).request == 5)
        #expect(jailer.sendRaw(header(operation: 9, request: 6, length: 0) + [1]))
        #expect(try #require(jailer.receive()).request == 6)
        #expect(
            jailer.sendRaw(header(operation: 9, request: 7, length: 180_000) + [UInt8](repeating: 0, count: 180_000))
        )
        try jailer.send(.examine, request: 8, body: [])
        let answer = try #require(jailer.receive())
        #expect(answer.request == 8)
        _ = try answer.contents()
        jailer.hangUp()
        #expect(jailer.reap() == 0)
    }

    @Test("the jailer has one thread: it forks and goes on")
    func threads() throws {
        let jailer = try JailerProcess.start(jailerCommand)
        jailer.setPatience(seconds: 10)
        try jailer.send(.raw(99), request: 1, body: [])
        _ = try #require(jailer.receive())
        #expect(contents(of: "/proc/\(jailer.processID)/status")?.contains("Threads:\t1\n") == true)
        jailer.hangUp()
        #expect(jailer.reap() == 0)
    }

    @Test(
        "a server that dies by SIGKILL leaves no process, cgroup or directory behind",
        arguments: await DriverKind.usable().filter { $0 != .rootless }
    )
    func serverDies(kind: DriverKind) async throws {
        try await withTemporaryDirectory { directory async throws in
            let (server, jailer) = try await startDoomedServer(kind, in: directory)
            try await check(kind, server, jailer)
        }
    }

    private func check(_ kind: DriverKind, _ server: Int32, _ jailer: Int32) async throws {
        #expect(!processes(withArgument: marker(kind)).isEmpty)
        #expect(kill(server, SIGKILL) == 0)
        #expect(try await eventually { contents(of: "/proc/\(jailer)/stat") == nil })
        #expect(processes(withArgument: marker(kind)).isEmpty)
        #expect(leftovers(of: jailer).isEmpty)
    }

    @Test(
        "when the jailer itself is killed, its sandboxes die, frozen or not, and the next start cleans up",
        arguments: await DriverKind.usable().filter { $0 != .rootless },
        [false, true]
    )
    func jailerDies(kind: DriverKind, isFrozen: Bool) async throws {
        try await kind.withDriver { driver async throws in
            let sandbox = try await driver.start(specification(["/bin/sleep", "600.\(getpid())"]))
            if isFrozen { try await sandbox.freeze() }
            let jailer = try #require(children(of: getpid()).first { isJailer($0, of: sandbox.id) })
            #expect(kill(jailer, SIGKILL) == 0)
            #expect(await sandbox.waitForExit() == .signalled(SIGKILL))
            await #expect(throws: SandboxError.self) { try await sandbox.freeze() }
            #expect(try await eventually { processes(withArgument: "600.\(getpid())").isEmpty })
            #expect(try await driver.shell("echo on").output == "on\n")
            #expect(leftovers(of: jailer).isEmpty)
        }
    }
}

// MARK: - messages

private var greeting: [UInt8] {
    var writer = JailerWriter()
    writer.u32(JailerNumber.version)
    writer.u32(0)
    writer.string("/tmp")
    return writer.bytes
}

private func header(operation: UInt32, request: UInt32, length: UInt32) -> [UInt8] {
    var writer = JailerWriter()
    for number in [operation, request, length, 0] { writer.u32(number) }
    return writer.bytes
}

/// Takes answers until the one to `request`.
@discardableResult private func drain(_ jailer: JailerProcess, until request: UInt32) -> Bool {
    while let message = jailer.receive() {
        message.descriptors.closeAll()
        if message.request == request { return true }
    }
    return false
}

/// The same numbers for the same seed, so that a failure can be repeated.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(upTo most: Int) -> [UInt8] {
        (0..<Int.random(in: 0...most, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    /// Noise, or a valid request with some of its bytes changed.
    mutating func message() -> [UInt8] {
        if Int.random(in: 0..<5, using: &self) == 0 { return bytes(upTo: 200) + [0] }
        var message = validRequest()
        for _ in 0..<Int.random(in: 0...3, using: &self) { mutate(&message) }
        return message
    }

    private mutating func validRequest() -> [UInt8] {
        let operation = [2, 3, 4, 5, 6, 7, 8, 10, 10, 11, 12, 13, 14].randomElement(using: &self) ?? 2 as UInt32
        var writer = JailerWriter()
        switch operation {
        case 2: start(&writer)
        case 3:
            writer.u64(handle())
            limits(&writer)
            writer.u32(0)
        case 4:
            writer.u64(handle())
            writer.u32(UInt32.random(in: 0...200_000, using: &self))
        case 10:
            writer.u64(handle())
            writer.string("/")
            writer.list([["/bin/true"], ["/bin/sleep", "1"], ["/x"]].randomElement(using: &self) ?? []) {
                $0.string($1)
            }
            writer.list(["A=B"]) { $0.string($1) }
            writer.list([] as [UInt32]) { $0.u32($1) }
        case 13:
            writer.u64(handle())
            writer.string("/nowhere")
        case 14:
            writer.string(["/nowhere", "/tmp"].randomElement(using: &self) ?? "")
            start(&writer)
        case 12:
            writer.u64(handle())
            writer.u32(UInt32.random(in: 0...2, using: &self))
        default: writer.u64(handle())
        }
        return header(
            operation: operation,
            request: UInt32.random(in: 1...1_000, using: &self),
            length: UInt32(writer.bytes.count)
        ) + writer.bytes
    }

    private mutating func handle() -> UInt64 {
        UInt64.random(in: 0...3, using: &self) | UInt64.random(in: 0...40, using: &self) << 32
    }

    private func limits(_ writer: inout JailerWriter) {
        writer.u64(32 << 20)
        writer.u64(1 << 20)
        writer.u32(10)
        writer.u32(32)
        writer.u32(0)
    }

    private mutating func start(_ writer: inout JailerWriter) {
        writer.string("fuzz-\(getpid())-\(UInt32.random(in: 0...999_999, using: &self))")
        writer.u32([0, 1, 5, 8, 9, 13, 16, 18, 24, 29].randomElement(using: &self) ?? 0)
        limits(&writer)
        writer.string("")
        writer.string("/")
        // One that lives a while can have companions.
        writer.list([["/bin/true", "x"], ["/bin/sleep", "1"]].randomElement(using: &self) ?? []) { $0.string($1) }
        writer.list(["A=B", "C=D"]) { $0.string($1) }
        writer.list([("/usr", "/opt"), ("/tmp", "/var/task")]) { writer, mount in
            writer.u32(0)
            writer.string(mount.0)
            writer.string(mount.1)
        }
        writer.list([9_001] as [UInt32]) { $0.u32($1) }
    }

    private mutating func mutate(_ message: inout [UInt8]) {
        guard !message.isEmpty else { return }
        let at = Int.random(in: 0..<message.count, using: &self)
        switch Int.random(in: 0..<4, using: &self) {
        case 0: message[at] = UInt8.random(in: 0...255, using: &self)
        case 1: message[at] ^= 1 << UInt8.random(in: 0...7, using: &self)
        case 2: message.removeLast(message.count - at)
        default: message.insert(contentsOf: bytes(upTo: 20), at: at)
        }
        if message.isEmpty { message = [0] }
    }
}

// MARK: - processes

/// A process that speaks to a jailer like a server, starts one sandbox, freezes it, prints its own and the jailer's
/// process ids and waits.
private func startDoomedServer(_ kind: DriverKind, in directory: String) async throws -> (server: Int32, jailer: Int32)
{
    let flags = kind == .process ? 3 : kind == .namespaceOnCgroups1 ? 4 : 0
    let script = """
        import os, socket, struct, time
        os.closerange(3, 4096)
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        def s(t): return struct.pack('I', len(t)) + t.encode() + bytes(1)
        def l(*t): return struct.pack('I', len(t)) + b''.join(map(s, t))
        jailer = os.fork()
        if jailer == 0:
            os.dup2(b.fileno(), 3)
            if b.fileno() != 3: b.close()
            os.closerange(4, 100)
            os.execve('\(jailerPath)', ['martlet-jailer'], {})
        b.close()
        def call(op, body):
            a.sendall(struct.pack('IIII', op, op, len(body), 0) + body)
            answer = a.recvmsg(65536, 4096)[0]
            assert answer[16:20] == bytes(4), answer
        call(1, struct.pack('II', 1, \(flags)) + s('/tmp'))
        limits = struct.pack('QQIII', 64 << 20, 1 << 20, 100, 100, 0)
        command = l('/bin/sh', '-c', '(setsid sleep \(marker(kind)) &) ; exec sleep \(marker(kind))')
        call(2, s('doomed-\(getpid())') + struct.pack('I', 0) + limits + s('') + s('/') + command + l('PATH=/bin') + l() + l())
        call(5, struct.pack('Q', 0)) if \(flags) != 3 else None
        print(os.getpid(), jailer, flush=True)
        time.sleep(60)
        """
    writeFile(directory + "/server.py", script)
    _ = system("\(python) -S \(directory)/server.py >\(directory)/output 2>&1 </dev/null &")
    func numbers() -> [Int32] {
        (contents(of: directory + "/output") ?? "").split(whereSeparator: { $0 == " " || $0 == "\n" }).compactMap {
            Int32($0)
        }
    }
    let hasStarted = try await eventually { numbers().count == 2 }
    try #require(hasStarted, "\(contents(of: directory + "/output") ?? "")")
    return (numbers()[0], numbers()[1])
}

private func marker(_ kind: DriverKind) -> String {
    "601.\(getpid())\(kind == .namespace ? 1 : kind == .process ? 2 : 3)"
}

private func entries(of directory: String) -> [String] {
    guard let list = opendir(directory) else { return [] }
    defer { closedir(list) }
    var names: [String] = []
    while let entry = readdir(list) {
        names.append(
            withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        )
    }
    return names
}

private func arguments(of process: Int32) -> [String] {
    (contents(of: "/proc/\(process)/cmdline") ?? "").split(separator: "\0").map(String.init)
}

private func processes(withArgument argument: String) -> [Int32] {
    let candidates = entries(of: "/proc").compactMap { Int32($0) }.filter {
        ["sleep\n", "sh\n", "dash\n", "bash\n"].contains(contents(of: "/proc/\($0)/comm"))
    }
    return candidates.filter { arguments(of: $0).contains { $0.contains(argument) } }
}

private func children(of process: Int32) -> [Int32] {
    entries(of: "/proc/\(process)/task").flatMap { task in
        (contents(of: "/proc/\(process)/task/\(task)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
    }
}

/// Tests run side by side, each with its jailer; this one's has the sandbox's cgroup.
private func isJailer(_ process: Int32, of id: SandboxID) -> Bool {
    children(of: process).contains { child in
        (contents(of: "/proc/\(child)/cgroup") ?? "").split(separator: "\n").contains { $0.hasSuffix("/\(id)") }
    }
}

/// What bears the jailer's number below the cgroup hierarchies and in /tmp.
private func leftovers(of jailer: Int32) -> [String] {
    let hierarchies = ["/sys/fs/cgroup"] + entries(of: "/sys/fs/cgroup").map { "/sys/fs/cgroup/\($0)" }
    return (hierarchies + ["/tmp"]).map { "\($0)/martlet-jailer-\(jailer)" }.filter { access($0, F_OK) == 0 }
}
