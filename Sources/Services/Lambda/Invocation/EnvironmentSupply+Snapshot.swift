// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Sandbox
import Synchronization

extension EnvironmentSupply {
    /// Initialises an environment of the version, has it run its hooks, and takes its snapshot into the empty `folder`.
    /// Throws `SnapshotFault`, or what another try may not meet.
    func snapshot(_ version: ExecutableVersion, into folder: String) async throws -> any SandboxSnapshot {
        guard ExtensionFiles.names(of: version).isEmpty else {
            throw SnapshotFault("Martlet does not implement SnapStart with external extensions yet.")
        }
        guard await pool.makeRoom() else {
            throw MartletError("lambda.snapshot", "there is no room for more environments on this host")
        }
        defer { pool.giveRoomBack() }
        let environment = try await template(version)
        // Nobody waits for its end but this.
        let (ended, end) = AsyncStream<Void>.makeStream()
        supervisor.submit {
            await environment.run()
            end.finish()
        }
        let result = await withTaskCancellationHandler {
            await take(environment, version, folder)
        } onCancel: {
            supervisor.submit { await environment.stop() }
        }
        await environment.stop(.failure)
        for await _ in ended {}
        try Task.checkCancellation()
        return try result.get()
    }

    private func template(_ version: ExecutableVersion) async throws -> ExecutionEnvironment {
        do {
            return try await starter.startTemplate(version)
        } catch let error as SandboxError where error.code == .cannotExecute {
            throw SnapshotFault(reason: .functionError)
        }
    }

    private func take(
        _ environment: ExecutionEnvironment,
        _ version: ExecutableVersion,
        _ folder: String
    ) async -> Result<any SandboxSnapshot, any Error> {
        let limit = environment.startLimit(version, ordinary: .zero)
        let began = clock.monotonicMicroseconds
        let outcome = await environment.initialized(within: limit)
        let duration = Duration.microseconds(clock.monotonicMicroseconds - began)
        environment.drainOutput()
        if case .failed(let failure) = outcome {
            await environment.tellFailedInit(version, failure, duration, nil, meter)
            return .failure(SnapshotFault(reason: .functionError))
        }
        for line in PlatformLog(version.logging).initDone(
            duration: duration,
            environment.beginning.phase,
            at: clock.now
        ) {
            environment.log.platform(line)
        }
        guard !environment.isExtended.load(ordering: .relaxed) else {
            return .failure(SnapshotFault("Martlet does not implement SnapStart with extensions yet."))
        }
        environment.doom()
        do {
            return .success(try await environment.sandbox.takeSnapshot(into: folder))
        } catch let error as SandboxError where error.code != .busy && error.code != .ended {
            return .failure(SnapshotFault("Martlet cannot take a snapshot of this function: \(error.message)"))
        } catch {
            return .failure(error)
        }
    }
}
