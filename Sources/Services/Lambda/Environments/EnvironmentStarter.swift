// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Sandbox

/// Starts execution environments: a plan, a sandbox, its doors, what runs in it. Does not wait for the runtime to come up.
struct EnvironmentStarter: Sendable {
    var sandboxes: FunctionSandboxes
    /// Nil where no driver can mount late.
    var cells: StemCells?
    var planner: StartPlanner
    var doors: DoorKeeper
    var poller: OutputPoller
    var supervisor: Supervisor
    var clock: any WallClock
    var ids: any IDSource
    /// Nil where there are no snapshots.
    var shelf: SnapshotShelf? = nil

    /// From the version's snapshot where it has one and it is there. Of the cells that wait, one near the event loop of whoever
    /// waits for it: each event and each answer that goes from one loop to another wakes a thread.
    /// Throws `RuntimeUnavailable`, `SandboxError`, EFSMountFailureException, or what the credential vendor throws.
    func start(
        _ version: ExecutableVersion,
        initialization: InitializationType = .onDemand,
        isSecondTry: Bool = false,
        near eventLoop: (any EventLoop)? = nil
    ) async throws -> ExecutionEnvironment {
        guard version.snapStarts, initialization == .onDemand, let shelf else {
            return try await begin(planner.plan(version, initialization, isSecondTry: isSecondTry), near: eventLoop)
        }
        shelf.noteUse(version.key)
        if !shelf.isPassedOver(version.key), let snapshot = await shelf.snapshot(of: version.key) {
            do {
                return try await begin(planner.plan(version, .snapStart, .copy, from: snapshot), near: eventLoop)
            } catch let error as SandboxError where error.code != .busy {
                await shelf.copyFailed(version.key, because: error)
            }
        }
        shelf.renew(version)
        return try await begin(planner.plan(version, .snapStart, .standIn), near: eventLoop)
    }

    /// One that is to be snapshot.
    func startTemplate(_ version: ExecutableVersion) async throws -> ExecutionEnvironment {
        try await begin(planner.plan(version, .snapStart, .template))
    }

    /// Has stem cells booted for the version's runtime, if it is one that they can serve.
    func expect(_ version: ExecutableVersion, isNew: Bool = false) {
        guard let cells = cells(for: version), version.image == nil, let plan = planner.bootPlan(version) else {
            return
        }
        if let kind = StemCellKind(plan, version) { cells.expect(kind, plan, newcomer: isNew ? version.key : nil) }
    }

    /// Has cells booted that can become copies of the version's snapshot.
    func expectCopies(of version: ExecutableVersion) {
        guard let cells = cells(for: version), let plan = planner.bootPlan(version, ofCopies: true) else { return }
        if let kind = StemCellKind(ofCopies: plan, version) { cells.expect(kind, plan) }
    }

    /// Those of the version's driver; a cell of another has other walls.
    private func cells(for version: ExecutableVersion) -> StemCells? {
        cells.flatMap { $0.driver.name == sandboxes.choice(of: version.key).name ? $0 : nil }
    }

    /// In a stem cell where one waits, else in a new sandbox.
    private func begin(
        _ plan: StartPlan,
        near eventLoop: (any EventLoop)? = nil
    ) async throws -> ExecutionEnvironment {
        if let environment = await claimed(plan, near: eventLoop) { return environment }
        let sandbox = try await started(plan)
        let environment = environment(plan, in: sandbox, on: doors.eventLoops.next())
        environment.expectExtensions(plan.launch.extensions, holdsRuntime: plan.isHeld)
        do {
            environment.own(try await doors.open(sandbox, on: environment.eventLoop, for: environment))
        } catch {
            await environment.abandon()
            throw error
        }
        await launch(plan, environment)
        return environment
    }

    /// Nil where no cell of the plan's kind waits, or the one that did has died meanwhile: a new sandbox says what is wrong, if
    /// anything is. A cell's doors are open already, so it costs a message to the jailer and one to the cell.
    private func claimed(_ plan: StartPlan, near eventLoop: (any EventLoop)?) async -> ExecutionEnvironment? {
        guard let cells = cells(for: plan.version), let kind = plan.cellKind,
            let cell = cells.take(kind, plan.launch, for: plan.version.key, near: eventLoop)
        else { return nil }
        let environment = environment(plan, in: cell.sandbox, on: cell.doors.eventLoop)
        environment.own(cell.doors)
        // Before the word is given: its runtime may be quicker than this task.
        cell.doors.runtimeAPI.give(to: environment)
        do {
            try await cell.sandbox.claim(plan.claim(of: kind))
            return environment
        } catch {
            await environment.abandon()
            return nil
        }
    }

    private func started(_ plan: StartPlan) async throws -> any Sandbox {
        guard let id = SandboxID("lambda-\(ids.hex(24))") else {
            throw MartletError("lambda.start", "malformed sandbox id")
        }
        let specification = try plan.specification(id, doors.listeners(plan.launch.network))
        let driver = sandboxes.choice(of: plan.version.key)
        do {
            guard let snapshot = plan.snapshot else { return try await driver.start(specification) }
            return try await driver.restore(snapshot, specification)
        } catch let error as SandboxError
            // A directory may go, or turn out to be root's, between the look at it and the mount.
            where plan.fileSystem.map({ error.code == .cannotMount(target: $0.target) }) ?? false
        {
            throw EFSMountFailureException.because(error.message)
        }
    }

    private func environment(
        _ plan: StartPlan,
        in sandbox: any Sandbox,
        on eventLoop: any EventLoop
    ) -> ExecutionEnvironment {
        ExecutionEnvironment(
            key: plan.version.key,
            sandbox: sandbox,
            log: plan.log,
            poller: poller,
            eventLoop: eventLoop,
            clock: clock,
            supervisor: supervisor,
            startedMicroseconds: plan.startedMicroseconds,
            handler: plan.version.handler,
            format: plan.format,
            ids: ids,
            beginning: plan.beginning
        )
    }

    /// Starts the extensions, and the runtime where it waits for them.
    private func launch(_ plan: StartPlan, _ environment: ExecutionEnvironment) async {
        await environment.launchExtensions(
            plan.launch.extensions,
            environment: ExtensionFiles.variables(from: plan.launch.environment)
        )
        if let claim = plan.runtimeClaim { supervisor.submit { await environment.startRuntime(claim) } }
    }
}
