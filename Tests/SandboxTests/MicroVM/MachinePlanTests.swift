// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials
import Glibc
import Sandbox
import Testing

@testable import SandboxMicroVM

@Suite("A microVM's machine") struct MachinePlanTests {
    private let host = MachineHost(
        monitor: .qemu(path: "/usr/bin/qemu"),
        kernel: "/boot/vmlinuz-6.1",
        initialFileSystem: "/data/microvm/initial",
        executable: "/opt/martlet",
        shares: [("usr", "/usr"), ("share", "/export")],
        acceleration: .kvm,
        cpus: 4
    )

    @Test("a mount is shown to the machine at one path, and by the guest at the function's") func mounts() throws {
        let asked = specification(["/bin/true"]) {
            $0.mounts = [
                SandboxMount(source: "/data/code", target: "/var/task"), SandboxMount(source: "/l", target: "/opt"),
            ]
            $0.root = .directory("/data/image")
        }
        let plan = try MachinePlan(asked, on: host)
        #expect(plan.jail.mounts.contains(SandboxMount(source: "/data/code", target: "/export/mount/0")))
        #expect(plan.jail.mounts.contains(SandboxMount(source: "/l", target: "/export/mount/1")))
        #expect(plan.jail.mounts.contains(SandboxMount(source: "/data/image", target: "/export/root")))
        #expect(plan.jail.mounts.contains(SandboxMount(source: "/opt/martlet", target: "/export/martlet")))
        #expect(!plan.jail.mounts.contains { $0.source == "/usr/bin/qemu" }, "it is in the jail's /usr")
        #expect(plan.jail.mounts.allSatisfy({ $0.isReadOnly }))
        #expect(plan.jail.root == .host)
        #expect(
            plan.guest.mounts == [
                SandboxMount(source: "/share/mount/0", target: "/var/task"),
                SandboxMount(source: "/share/mount/1", target: "/opt"),
            ]
        )
        #expect(plan.guest.root == .directory("/share/root"))
    }

    @Test("a mount that one of the two jailers cannot make is named as the caller named it")
    func lostMount() throws {
        let asked = specification(["/bin/true"]) { specification in
            specification.mounts = (0..<12).map { SandboxMount(source: "/data/\($0)", target: "/mnt/\($0)") }
        }
        let plan = try MachinePlan(asked, on: host)
        let shared = SandboxError(.cannotMount(target: "/export/mount/11"), "mount /data/11 at /export/mount/11")
        #expect(
            plan.inWordsOfCaller(shared)
                == SandboxError(.cannotMount(target: "/mnt/11"), "mount /data/11 at /mnt/11")
        )
        let inner = SandboxError(.cannotMount(target: "/mnt/11"), "mount /share/mount/11 at /mnt/11")
        #expect(
            plan.inWordsOfCaller(inner) == SandboxError(.cannotMount(target: "/mnt/11"), "mount /data/11 at /mnt/11")
        )
    }

    @Test("the machine has room for the function and its kernel, the jail for the machine") func memory() throws {
        let asked = specification(["/bin/true"]) { $0.limits.memoryBytes = 512 << 20 }
        let plan = try MachinePlan(asked, on: host)
        #expect(plan.jail.command.adjacent("-m", "640M"))
        #expect(plan.jail.limits.memoryBytes == 896 << 20)
        #expect(plan.guest.limits.memoryBytes == 512 << 20)
    }

    @Test(
        "there is a processor for each begun 1,769 MB, and no more than the host has",
        arguments: [(128, 1), (1_769, 1), (1_770, 2), (10_240, 4)]
    )
    func processors(memoryMiB: Int, cpus: Int) throws {
        let asked = specification(["/bin/true"]) { $0.limits.memoryBytes = memoryMiB << 20 }
        #expect(try MachinePlan(asked, on: host).jail.command.adjacent("-smp", "\(cpus)"))
    }

    @Test("only a machine with KVM may open it, and only an emulated one is told its clock") func acceleration() throws
    {
        let asked = specification(["/bin/true"])
        var emulated = host
        emulated.acceleration = .tcg
        emulated.clockKHz = 2_400_000
        let (fast, slow) = (try MachinePlan(asked, on: host).jail, try MachinePlan(asked, on: emulated).jail)
        #expect(fast.usesKVM && fast.command.adjacent("-accel", "kvm") && !fast.command.joined().contains("tsc_early"))
        #expect(!slow.usesKVM && slow.command.joined().contains("tsc_early_khz=2400000"))
    }

    @Test(
        "QEMU's machine has one device, a vsock of the program beside it, which serves the shares and no other directory"
    )
    func device() throws {
        let jail = try MachinePlan(specification(["/bin/true"]), on: host).jail
        #expect(jail.command.first == "/machine/martlet-machine" && jail.listensForMachine)
        let program = try #require(MachineProgram(jail.command.dropFirst()))
        #expect(program.givesVsock && program.files.isEmpty)
        #expect(program.exports.map(\.tag) == ["usr", "share"] && program.exports.map(\.path) == ["/usr", "/export"])
        let devices = program.command.indices.filter { program.command[$0] == "-device" }
        #expect(devices.map { program.command[$0 + 1] } == ["vhost-user-vsock-device,chardev=vsock"])
        #expect(!program.command.contains("-netdev") && !program.command.contains("-fsdev"))
    }

    @Test("Firecracker is told the same machine by a file, with its own vsock")
    func firecracker() throws {
        var other = host
        other.monitor = .firecracker(path: "/usr/local/bin/firecracker")
        other.cpus = 64
        let asked = specification(["/bin/true"]) { $0.limits.memoryBytes = 1_770 << 20 }
        let jail = try MachinePlan(asked, on: other).jail
        let program = try #require(MachineProgram(jail.command.dropFirst()))
        #expect(!program.givesVsock && program.exports.map(\.tag) == ["usr", "share"])
        #expect(program.command == ["/machine/monitor", "--no-api", "--config-file", "/tmp/machine.json"])
        #expect(program.files.map(\.path) == ["/tmp/machine.json"])
        let text = try #require(program.files.first?.text)
        let machine = try JSONDecoder().decode(FirecrackerFile.self, from: Data(text.utf8))
        #expect(machine.machineConfig == .init(vcpu_count: 2, mem_size_mib: 1_898, smt: false))
        #expect(machine.vsock == .init(guest_cid: 3, uds_path: "/tmp/vsock"))
        #expect(machine.bootSource.kernel_image_path == "/machine/kernel")
        #expect(machine.bootSource.initrd_path == "/machine/initial")
        #expect(machine.bootSource.boot_args.contains("reboot=k") && machine.drives.isEmpty)
        #expect(jail.mounts.contains(SandboxMount(source: "/usr/local/bin/firecracker", target: "/machine/monitor")))
    }

    @Test("a function's way out is its machine's, and its kernel is told so")
    func wayOut() throws {
        for network in [SandboxNetwork.none, .egress] {
            let plan = try MachinePlan(specification(["/bin/true"]) { $0.network = network }, on: host)
            let program = try #require(MachineProgram(plan.jail.command.dropFirst()))
            #expect(plan.jail.network == network && plan.guest.network == network)
            #expect(program.hasWayOut == (network == .egress))
            #expect(program.command.joined(separator: " ").contains("MARTLET_WAY_OUT=1") == (network == .egress))
        }
    }

    @Test(
        "a monitor is named, or found by its path",
        arguments: [
            ("/opt/firecracker-v1.12.0-x86_64", MachineMonitor.firecracker(path: "/opt/firecracker-v1.12.0-x86_64")),
            ("/usr/libexec/qemu-kvm", .qemu(path: "/usr/libexec/qemu-kvm")), ("bochs", nil), ("", nil),
            ("/bin/sh", nil),
            ("/", nil),
        ]
    )
    func monitors(text: String, monitor: MachineMonitor?) {
        #expect(MachineMonitor(text) == monitor)
    }

    @Test("the machine's program reads what the plan has written, and nothing else")
    func arguments() {
        let program = MachineProgram(
            exports: [.init(tag: "a", path: "/a b"), .init(tag: "--", path: "--vsock")],
            files: [.init(path: "/tmp/x", text: "{\n}")],
            givesVsock: true,
            hasWayOut: true,
            command: ["/machine/monitor", "--", "--file"]
        )
        #expect(MachineProgram(program.arguments) == program)
        for wrong in [[], ["--vsock"], ["--export", "a"], ["--file"], ["x", "--"], ["--export", "a", "--"]] {
            #expect(MachineProgram(wrong) == nil, "\(wrong)")
        }
    }

    @Test("what a machine cannot do is refused before one is started") func refusals() {
        let refused: [(SandboxSpecification, SandboxError.Code)] = [
            (specification(["/bin/true"]) { $0.awaitsClaim = true }, .hostLacks),
            (specification(["/bin/true"]) { $0.network = .host }, .hostLacks),
            (
                specification(["/bin/true"]) {
                    $0.mounts = [SandboxMount(source: "/a", target: "/b", isReadOnly: false)]
                }, .cannotMount(target: "/b")
            ),
            (specification(["/bin/true"]) { $0.listeners = [SandboxListener(port: 2)] }, .badSpecification),
            (specification(["/bin/true"]) { $0.listeners = [SandboxListener(port: 564)] }, .badSpecification),
            (specification(["/bin/true"]) { $0.listeners = [SandboxListener(port: 3)] }, .badSpecification),
            (specification(["/bin/true"]) { $0.environment["A"] = "\0" }, .badSpecification),
        ]
        for (specification, code) in refused {
            let error = #expect(throws: SandboxError.self) { try MachinePlan(specification, on: host) }
            #expect(error?.code == code)
        }
    }

    @Test("what the jail refuses is told with the paths that were asked for") func words() throws {
        let asked = specification(["/bin/true"]) {
            $0.root = .directory("/data/image")
            $0.mounts = (0..<12).map { SandboxMount(source: "/data/\($0)", target: "/opt/\($0)") }
        }
        let plan = try MachinePlan(asked, on: host)
        for (index, mount) in plan.jail.mounts.enumerated() where mount.target.contains("/mount/") {
            let told = plan.inWordsOfCaller(
                SandboxError(.badSpecification, "mount \(mount.source) at \(mount.target): no")
            )
            let number = plan.jail.mounts[..<index].count { $0.target.contains("/mount/") }
            #expect(told == SandboxError(.badSpecification, "mount /data/\(number) at /opt/\(number): no"))
        }
        let inside = SandboxError(.failed, "mount /share/mount/11 at /opt/11, /share/mount/1, root /share/root")
        #expect(plan.inWordsOfCaller(inside).message == "mount /data/11 at /opt/11, /data/1, root /data/image")
        #expect(plan.inWordsOfCaller(SandboxError(.failed, "/export/root")).message == "/")
    }

    @Test("no limit of memory overflows", arguments: [Int.min, -1, 0, Int.max]) func extremes(bytes: Int) throws {
        let asked = specification(["/bin/true"]) { $0.limits.memoryBytes = bytes }
        #expect(try MachinePlan(asked, on: host).jail.limits.memoryBytes > 0)
    }

    @Test("libraries outside the system's directories are found in a process's map, each directory once")
    func libraries() {
        let map = """
            7f0-7f1 r-xp 00000000 08:01 1 /opt/swift/lib/libswiftCore.so
            7f1-7f2 r-xp 00000000 08:01 1 /opt/swift/lib/libdispatch.so
            7f2-7f3 r-xp 00000000 08:01 1 /usr/lib/x86_64-linux-gnu/libc.so.6
            7f3-7f4 r-xp 00000000 08:01 1 /home/user/martlet
            7f4-7f5 rw-p 00000000 00:00 0 [heap]
            7f5-7f6 r-xp 00000000 08:01 1 /a b/libx.so.1
            """
        #expect(LoadedLibraries.directories(in: map) == ["/opt/swift/lib", "/a b"])
    }
}

@Suite("What a host offers to machines") struct MachineSurveyTests {
    private func survey(_ monitor: MachineMonitor) -> MachineSurvey {
        MachineSurvey(
            MicroVMOptions(directory: "/tmp", kernel: "/no/such/vmlinuz-1", monitor: monitor, executable: "/x")
        )
    }

    @Test("a monitor that is missing is missed by its path, with what to do")
    func missing() {
        for monitor in [MachineMonitor.firecracker(path: "/no/firecracker"), .qemu(path: "/no/qemu")] {
            let error = #expect(throws: SandboxError.self) { try survey(monitor).host(.kvm) }
            #expect(error?.code == .hostLacks && error?.message.contains("no \(monitor.path)") == true)
            #expect(error?.message.contains("apt-get install") == true)
        }
    }

    @Test("Firecracker is not asked to emulate; what is there goes on to the kernel")
    func emulation() {
        let words = [
            (MachineMonitor.firecracker(path: "/bin/true"), Acceleration.tcg, "does not emulate"),
            (.firecracker(path: "/bin/true"), .kvm, "The kernel /no/such/vmlinuz-1"),
            (.qemu(path: "/bin/true"), .tcg, "The kernel /no/such/vmlinuz-1"),
        ]
        for (monitor, acceleration, word) in words {
            let error = #expect(throws: SandboxError.self) { try survey(monitor).host(acceleration) }
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        }
    }
}

@Suite("A microVM's kernel") struct GuestKernelTests {
    @Test("the newer release is found by its numbers") func order() {
        let names = ["vmlinuz-6.9.1-amd64", "vmlinuz-6.10.0-amd64", "vmlinuz-6.9.12-amd64", "vmlinuz-5.99"]
        #expect(
            names.sorted { GuestKernel.isNewer($0, than: $1) } == [
                "vmlinuz-6.10.0-amd64", "vmlinuz-6.9.12-amd64", "vmlinuz-6.9.1-amd64", "vmlinuz-5.99",
            ]
        )
    }

    @Test("a kernel without what a guest needs is refused with what is missing and what to do") func missing()
        async throws
    {
        try await withTemporaryDirectory { directory async throws in
            let modules = "\(directory)/lib/modules/9.9-x"
            try #require(
                system("mkdir -p '\(directory)/boot' '\(modules)/kernel/fs/9p' '\(modules)/kernel/net/9p'") == 0
            )
            let image = "\(directory)/boot/vmlinuz-9.9-x"
            writeFile(image, "")
            writeFile("\(modules)/kernel/fs/9p/9p.ko.xz", "")
            writeFile("\(modules)/modules.builtin", "kernel/drivers/virtio/virtio_mmio.ko\n")
            let error = #expect(throws: SandboxError.self) { try GuestKernel.find(at: image) }
            #expect(error?.code == .hostLacks)
            #expect(
                error?.message.contains("lacks vsock, vmw_vsock_virtio_transport, which") == true,
                "\(error?.message ?? "")"
            )
            #expect(error?.message.contains("apt-get install linux-image-amd64") == true)
            writeFile("\(modules)/kernel/net/9p/9pnet_fd.ko", "")
            let builtin = [
                "drivers/virtio/virtio_mmio", "net/vmw_vsock/vsock", "net/vmw_vsock/vmw_vsock_virtio_transport",
            ]
            writeFile("\(modules)/modules.builtin", builtin.map { "kernel/\($0).ko\n" }.joined())
            let kernel = try GuestKernel.find(at: image)
            #expect(kernel.release == "9.9-x")
            #expect(
                kernel.modules.map { $0.dropFirst(modules.count) } == [
                    "/kernel/net/9p/9pnet_fd.ko", "/kernel/fs/9p/9p.ko.xz",
                ]
            )
            #expect(throws: SandboxError.self) { try GuestKernel.find(at: "\(directory)/boot/vmlinuz-none") }
        }
    }
}

/// What Firecracker reads, by the names in its documentation.
private struct FirecrackerFile: Decodable {
    struct BootSource: Decodable { var kernel_image_path, initrd_path, boot_args: String }
    struct MachineConfig: Decodable, Equatable {
        var vcpu_count, mem_size_mib: Int
        var smt: Bool
    }
    struct Vsock: Decodable, Equatable {
        var guest_cid: Int
        var uds_path: String
    }
    var bootSource: BootSource
    var drives: [String]
    var machineConfig: MachineConfig
    var vsock: Vsock

    enum CodingKeys: String, CodingKey {
        case bootSource = "boot-source"
        case drives
        case machineConfig = "machine-config"
        case vsock
    }
}

extension [String] {
    fileprivate func adjacent(_ one: String, _ other: String) -> Bool {
        zip(self, dropFirst()).contains { $0 == one && $1 == other }
    }
}
