// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// What a jailer is told in its greeting.
package struct JailerOptions: Sendable {
    /// No namespaces, as the process driver wants it.
    package var isPlain: Bool
    /// A directory for the directories that stand for `/tmp` in plain sandboxes.
    package var scratch: String
    /// Runs without limits where the host gives no cgroups, instead of refusing.
    package var allowMissingCgroups: Bool
    /// Uses version 1 of cgroups wherever it is, for tests on hosts that have both.
    package var avoidUnifiedCgroups: Bool

    package init(
        isPlain: Bool,
        scratch: String = "",
        allowMissingCgroups: Bool = false,
        avoidUnifiedCgroups: Bool = false
    ) {
        self.isPlain = isPlain
        self.scratch = scratch
        self.allowMissingCgroups = allowMissingCgroups
        self.avoidUnifiedCgroups = avoidUnifiedCgroups
    }

    var body: [UInt8] {
        var flags: UInt32 = 0
        if isPlain { flags |= JailerNumber.helloPlain }
        if allowMissingCgroups { flags |= JailerNumber.helloCgroupsOptional }
        if avoidUnifiedCgroups { flags |= JailerNumber.helloNoUnified }
        var writer = JailerWriter()
        writer.u32(JailerNumber.version)
        writer.u32(flags)
        writer.string(scratch)
        return writer.bytes
    }
}

extension JailerWriter {
    mutating func limits(_ limits: SandboxLimits) {
        u64(UInt64(clamping: limits.memoryBytes))
        u64(UInt64(clamping: limits.temporaryBytes))
        u32(UInt32(clamping: limits.processes))
        u32(UInt32(clamping: limits.openFiles))
        u32(limits.cpu.quotaMicroseconds)
    }

    mutating func mounts(_ mounts: [SandboxMount]) {
        list(mounts) { writer, mount in
            let owned = mount.writesAsOwner ? JailerNumber.mountOwned : 0
            writer.u32(mount.isReadOnly ? 0 : JailerNumber.mountWritable | owned)
            writer.string(mount.source)
            writer.string(mount.target)
        }
    }

    mutating func command(_ command: [String], _ environment: [String: String], in directory: String) {
        string(directory)
        list(command) { $0.string($1) }
        list(environment) { $0.string("\($1.key)=\($1.value)") }
    }

    mutating func specification(_ specification: SandboxSpecification) {
        string(specification.id.text)
        var flags: UInt32 = 0
        if specification.awaitsClaim { flags |= JailerNumber.startAwaitsClaim }
        if specification.awaitsClaim, specification.command.isEmpty { flags |= JailerNumber.startExecutesLate }
        if specification.network == .host { flags |= JailerNumber.startHostNetwork }
        if specification.isAttended { flags |= JailerNumber.startAttended }
        if specification.usesKVM { flags |= JailerNumber.startKVM }
        if specification.network == .egress { flags |= JailerNumber.startEgress }
        if specification.listensForMachine { flags |= JailerNumber.startVsock }
        u32(flags)
        limits(specification.limits)
        if case .directory(let path) = specification.root { string(path) } else { string("") }
        command(specification.command, specification.environment, in: specification.workingDirectory)
        mounts(specification.mounts)
        // On the host's network the listeners are the server's own sockets.
        list(specification.network == .host ? [] : specification.listeners) { $0.u32(UInt32($1.port)) }
    }
}

extension CPUShare? {
    /// Microseconds in each tenth of a second; 0 for no limit.
    var quotaMicroseconds: UInt32 {
        guard let cpus = self?.cpus, cpus.isFinite, cpus < 1_000 else { return 0 }
        return UInt32(max(1_000, cpus * 100_000))
    }
}

extension JailerReader {
    mutating func checks() -> [HostCheck] {
        var checks: [HostCheck] = []
        for _ in 0..<min(u32(), 64) where !isBroken {
            let result = u32()
            let item = string()
            let detail = string()
            let kind: HostCheck.Result =
                result == JailerNumber.checkPresent
                ? .present : result == JailerNumber.checkDegraded ? .degraded : .missing
            checks.append(HostCheck(item, kind, detail))
        }
        return checks
    }
}

extension SandboxSpecification {
    /// What the jailer's tables have no room for, told before it is asked.
    package func checkForJailer() throws(SandboxError) {
        let bounds = [
            ("arguments", command.count, JailerNumber.maximumArguments),
            ("environment variables", environment.count, JailerNumber.maximumEnvironment),
            ("mounts", mounts.count, JailerNumber.maximumMounts),
            ("listeners", listeners.count, JailerNumber.maximumListeners),
        ]
        for (what, count, most) in bounds where count > most {
            throw SandboxError(.badSpecification, "A sandbox can have \(most) \(what), not \(count)")
        }
        let texts = mounts.flatMap { [$0.source, $0.target] } + [workingDirectory]
        try Self.check(texts, command, environment)
    }

    static func check(_ texts: [String], _ command: [String], _ environment: [String: String]) throws(SandboxError) {
        let texts = texts + command + environment.map { $0.key + $0.value }
        guard texts.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw SandboxError(
                .badSpecification,
                "A path, argument or environment variable of the sandbox holds a zero character"
            )
        }
        guard environment.keys.allSatisfy({ !$0.isEmpty && !$0.utf8.contains(0x3d) }) else {
            throw SandboxError(.badSpecification, "The name of an environment variable is empty or holds “=”")
        }
    }
}

extension SandboxError {
    /// Turns what the jailer or a system call says into a sentence.
    /// - Parameter mounts: those of the request.
    init(jailer error: any Error, mounts: [SandboxMount] = []) {
        switch error {
        case let error as SandboxError: self = error
        case let failure as JailerFailure: self.init(failure, mounts)
        default: self.init(.failed, "The jailer cannot be spoken to: \(error)")
        }
    }

    private init(_ failure: JailerFailure, _ mounts: [SandboxMount]) {
        let reason = failure.errno == 0 ? "" : ": \(SystemError.text(of: failure.errno))"
        // What is no sentence of its own is a verb phrase, "mount /a at /b".
        let isSentence = failure.text.first?.isUppercase ?? false
        func sentence(_ beginning: String) -> String {
            isSentence ? failure.text + reason : "\(beginning) \(failure.text)\(reason)"
        }
        switch failure.code {
        case .badSpecification: self.init(.badSpecification, sentence("The sandbox cannot be made as specified:"))
        case .mount(let index):
            let code = mounts.indices.contains(index) ? Code.cannotMount(target: mounts[index].target) : .failed
            self.init(code, sentence("The sandbox cannot be made as specified:"))
        case .hostLacks: self.init(.hostLacks, sentence("This host did not let the sandbox"))
        case .cannotExecute: self.init(.cannotExecute, sentence("The sandbox cannot"))
        case .ended: self.init(.ended, sentence("The sandbox has ended:"))
        case .busy: self.init(.busy, sentence("There is no room for another sandbox:"))
        case .protocolBroken: self.init(.failed, sentence("The jailer did not understand: it could not"))
        case .failed: self.init(.failed, sentence("The sandbox failed to"))
        }
    }
}
