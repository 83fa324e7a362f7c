// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
package import Logging
package import Sandbox
internal import Synchronization

/// A kernel for each function: a machine of Firecracker's or QEMU's, itself in a sandbox of the namespace driver's kind, with
/// KVM or, where it is asked for, emulated. In the guest runs the same jailer as on a host. See `SandboxDriver`.
package actor MicroVMDriver: SandboxDriver {
    package nonisolated let name = "microvm"
    package nonisolated let mountsLate = false
    package nonisolated let guarantee = """
        Each function has a machine and a kernel of its own, and inside it the same walls as the namespace driver's; the \
        machine's monitor is in a namespace sandbox too. To reach another function or the host, a function must break its \
        own kernel's walls, then the monitor or KVM, then the sandbox around it.
        """

    private let options: MicroVMOptions
    private let jailer: Jailer
    private let logger: Logger
    private nonisolated let running = Mutex<[SandboxID: WeakSandbox]>([:])
    /// What the host offers, once it is known, and how many machines may boot on it at once.
    private var host: Task<(MachineHost, BootPlaces), any Error>?

    private struct WeakSandbox: Sendable {
        weak var sandbox: MicroVMSandbox?
    }

    /// `jailerCommand` is the martlet executable, which is its own jailer.
    package init(
        _ options: MicroVMOptions,
        jailerCommand: [String] = Jailer.ownExecutable,
        allowMissingCgroups: Bool = false,
        logger: Logger = Logger(label: "martlet.sandbox")
    ) {
        self.options = options
        self.logger = logger
        let jailerOptions = JailerOptions(isPlain: false, allowMissingCgroups: allowMissingCgroups)
        jailer = Jailer(command: jailerCommand, options: jailerOptions, logger: logger)
    }

    package func start(_ specification: SandboxSpecification) async throws -> any Sandbox {
        let (host, places) = try await knownHost()
        return try await places.occupy { try await boot(specification, on: host) }
    }

    package func shutDown() async {
        for sandbox in running.withLock({ $0.values.compactMap(\.sandbox) }) { sandbox.willBeKilled() }
        await jailer.shutDown()
    }

    package func examineHost() async -> [HostCheck] {
        await jailer.examineHost() + MachineSurvey(options).checks()
    }

    // MARK: - the host

    /// Finds out once; what failed is tried again by the next.
    private func knownHost() async throws -> (MachineHost, BootPlaces) {
        let search =
            host
            ?? Task {
                let host = try await self.findHost()
                return (host, BootPlaces(processors: host.cpus, host.acceleration))
            }
        host = search
        do {
            return try await search.value
        } catch {
            host = nil
            throw error
        }
    }

    private func findHost() async throws -> MachineHost {
        let host = try MachineSurvey(options).host(options.acceleration)
        guard host.acceleration == .kvm else { return host }
        do {
            try await tryOut(host)
        } catch {
            guard options.allowsEmulation else {
                throw SandboxError(.hostLacks, "KVM is there and does not run a guest: \(error)")
            }
            logger.warning("KVM does not run a guest; microVMs are emulated", metadata: ["error": "\(error)"])
            return try MachineSurvey(options).host(.tcg)
        }
        return host
    }

    /// That /dev/kvm can be opened says little: inside other virtual machines it may still not run a guest.
    private func tryOut(_ host: MachineHost) async throws {
        guard let id = SandboxID("microvm-trial-\(getpid())") else { return }
        let trial = SandboxSpecification(id: id, command: ["/bin/sh", "-c", "exit 0"])
        let exit = try await boot(trial, on: host, seconds: min(options.bootSeconds, 15)).waitForExit()
        guard exit == .exited(status: 0) else { throw SandboxError(.failed, "A trial ended with \(exit)") }
    }

    // MARK: - a machine

    private nonisolated func boot(
        _ specification: SandboxSpecification,
        on host: MachineHost,
        seconds: Int? = nil
    ) async throws -> any Sandbox {
        let plan = try MachinePlan(specification, on: host)
        do {
            let machine = try await jailer.start(plan.jail)
            do {
                let sandbox = try await furnish(machine, plan, seconds ?? options.bootSeconds)
                // The start of the guest is not the function's time.
                if let share = specification.limits.cpu { try await machine.setCPUShare(share) }
                return sandbox
            } catch {
                await machine.kill()
                throw error
            }
        } catch let error as SandboxError {
            throw plan.inWordsOfCaller(error)
        }
    }

    private nonisolated func furnish(
        _ machine: any Sandbox,
        _ plan: MachinePlan,
        _ seconds: Int
    ) async throws -> any Sandbox {
        var listeners = machine.takeListeners()
        guard let console = machine.takeOutput(), listeners.count == plan.jail.listeners.count, listeners.count >= 2
        else {
            listeners.closeAll()
            throw SandboxError(.failed, "The microVM's sandbox lacks its sockets")
        }
        let (control, streams) = (listeners.removeFirst(), listeners.removeFirst())
        do {
            let watch = BootWatch()
            let connection: FileDescriptor
            do {
                connection = try await watch.waitForGuest(console: console, control: control, seconds: seconds)
            } catch {
                streams.close()
                throw error
            }
            let line = GuestLine(control: connection, streams: streams)
            let inner = try await startInner(plan.guest, over: line, watch)
            let sandbox = MicroVMSandbox(machine: machine, inner: inner, line: line, listeners: listeners) { id in
                _ = self.running.withLock { $0.removeValue(forKey: id) }
            }
            running.withLock { $0[sandbox.id] = WeakSandbox(sandbox: sandbox) }
            return sandbox
        } catch {
            listeners.closeAll()
            throw error
        }
    }

    private nonisolated func startInner(
        _ specification: SandboxSpecification,
        over line: GuestLine,
        _ watch: BootWatch
    ) async throws -> any Sandbox {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        // Fails only where the next message fails too.
        try? line.tellTime(
            nanoseconds: UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
        )
        // The guest's jailer is heard by a thread of its own, which ends with the machine.
        var quiet = logger
        quiet.logLevel = .critical
        let jailer = try await GuestJailer.greet(over: line, logger: quiet)
        do {
            return try await jailer.start(specification)
        } catch {
            logger.debug("a guest could not start its function", metadata: ["console": "\(watch.consoleText)"])
            await jailer.close()
            throw error
        }
    }
}
