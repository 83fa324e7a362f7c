// SPDX-License-Identifier: Apache-2.0
import Egress
import Lambda
import Logging
import MartletCore
import NIOPosix
import Sandbox
import SandboxMicroVM
import SandboxNamespaces
import SandboxProcess

extension Platform {
    /// One driver of each kind that a function may run in. Fails at the start, rather than at the first of some functions, on a
    /// host that lacks what those need.
    static func functionSandboxes(
        _ settings: PlatformSettings,
        _ storage: PlatformStorage,
        _ logger: Logger
    ) async throws -> FunctionSandboxes {
        var drivers: [PlatformSettings.SandboxKind: any SandboxDriver] = [:]
        let sandboxes = settings.sandboxes.map { kind in
            let driver = drivers[kind] ?? sandboxDriver(kind, settings, storage, logger)
            drivers[kind] = driver
            return driver
        }
        for driver in sandboxes.drivers.dropFirst() {
            let checks = await driver.examineHost().filter { !settings.allowsMissingCgroups || $0.item != "cgroups" }
            guard let lack = checks.first(where: { $0.result == .missing }) else { continue }
            throw StartFailure(
                description:
                    "--function-sandbox …=\(driver.name) cannot be had here: \(lack.detail)\n  Try: martlet doctor"
            )
        }
        return sandboxes
    }

    private static func sandboxDriver(
        _ kind: PlatformSettings.SandboxKind,
        _ settings: PlatformSettings,
        _ storage: PlatformStorage,
        _ logger: Logger
    ) -> any SandboxDriver {
        switch kind {
        case .microvm:
            let options = MicroVMOptions(
                directory: "\(storage.directory)/microvm",
                kernel: settings.microVMKernel,
                monitor: settings.microVMMonitor,
                allowsEmulation: settings.emulatesMicroVMs
            )
            return MicroVMDriver(options, allowMissingCgroups: settings.allowsMissingCgroups, logger: logger)
        case .namespace: return NamespaceDriver(allowMissingCgroups: settings.allowsMissingCgroups, logger: logger)
        case .process:
            let driver = ProcessDriver(logger: logger)
            logger.warning(
                "functions are NOT isolated: --sandbox process",
                metadata: ["guarantee": "\(driver.guarantee)"]
            )
            return driver
        }
    }

    /// Nil when no function has one. Fails at the start, rather than at the first function's, on a host that cannot give it.
    static func wayOut(
        _ settings: PlatformSettings,
        _ sandboxes: FunctionSandboxes,
        _ clock: any WallClock,
        _ logger: Logger
    ) async throws -> (any EgressGateway)? {
        if settings.networks.includes(.host), settings.sandboxes.includes(.namespace) {
            logger.warning("functions share the host's network, its loopback included: --network host")
        }
        guard settings.networks.includes(.egress) else { return nil }
        let checks = await sandboxes.drivers.first { $0.name != "process" }?.examineHost() ?? []
        if let check = checks.first(where: { $0.item == "egress" }), check.result != .present {
            throw StartFailure(
                description:
                    "Functions cannot be given a way out (--network egress): \(check.detail)\n  Try: martlet doctor"
            )
        }
        return EgressFront(
            policy: EgressPolicy(allowed: settings.networkAllowances),
            clock: clock,
            group: MultiThreadedEventLoopGroup.singleton
        )
    }
}
