// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Sandbox
import ServiceLifecycle

/// Sees to it that there are as many initialised environments as provisioned concurrency asks for: starts what is missing,
/// replaces what has ended, lets go of what is too many.
///
/// What it lets go of becomes an ordinary environment, so nothing that runs is cut. Configurations are rows; what is here is
/// made again after a restart.
final class ProvisionedKeeper: Service, Provisioner {
    /// Everything that is wanted, as the store says.
    typealias Targets = @Sendable () async throws -> [ProvisionedTarget]

    private struct Sources: Sendable {
        var targets: Targets
        var directory: any VersionDirectory
    }

    private struct Member {
        var key: VersionKey
        /// Nil while it starts.
        var environment: ExecutionEnvironment?
        var isReady = false
    }

    private struct Group {
        var members: [Int: Member] = [:]
        var failure: String?
        /// After a failure, not before.
        var retryAt: Instant?

        func count(_ key: VersionKey) -> Int { members.values.count { $0.key == key } }
    }

    private struct State {
        var groups: [ProvisionedConcurrency.Key: Group] = [:]
        var nextMember = 0
        var starting = 0
    }

    private static let startsAtOnce = 16
    private static let lookInterval: Duration = .seconds(5)
    private static let pauseAfterFailure: Duration = .seconds(60)

    private let supply: EnvironmentSupply
    private let clock: any WallClock
    private let logger: Logger
    private let sources = NIOLockedValueBox<Sources?>(nil)
    private let state = NIOLockedValueBox(State())
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    init(supply: EnvironmentSupply, clock: any WallClock, logger: Logger) {
        self.supply = supply
        self.clock = clock
        self.logger = logger
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Set once: the control plane, which has both, is built after the data plane.
    func follow(_ targets: @escaping Targets, _ directory: any VersionDirectory) {
        let sources = Sources(targets: targets, directory: directory)
        self.sources.withLockedValue { $0 = sources }
    }

    /// A function, alias or configuration has changed, so a failure of before says nothing.
    func changed(_ name: String, in scope: Scope) {
        state.withLockedValue { state in
            for key in state.groups.keys where key.functionName == name && key.scope == scope {
                state.groups[key]?.retryAt = nil
            }
        }
        waker.yield()
    }

    func standing(of configuration: ProvisionedConcurrency) -> ProvisionedStanding {
        state.withLockedValue { state in
            guard let group = state.groups[configuration.key] else { return ProvisionedStanding() }
            return ProvisionedStanding(
                allocated: group.members.values.count { $0.environment != nil },
                available: group.members.values.count(where: \.isReady),
                failure: group.failure
            )
        }
    }

    func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.look() }
            for await _ in wake.cancelOnGracefulShutdown() { await self.settle() }
            group.cancelAll()
        }
    }

    /// Environments end, and failures are forgiven, without a change of the store.
    private func look() async {
        await cancelWhenGracefulShutdown {
            self.waker.yield()
            // Cancellation ends the wait and with it the loop.
            while (try? await self.clock.sleep(for: Self.lookInterval)) != nil { self.waker.yield() }
        }
    }

    private func settle() async {
        guard let sources = sources.withLockedValue({ $0 }) else { return }
        do {
            let wanted = try await sources.targets()
            for target in wanted { await settle(target, sources.directory) }
            let known = Set(wanted.map(\.configuration.key))
            let gone = state.withLockedValue { $0.groups.keys.filter { !known.contains($0) } }
            for key in gone { await letGo(key, but: [:]) }
        } catch {
            logger.warning("cannot look after provisioned concurrency", metadata: ["cause": "\(error)"])
        }
    }

    private func settle(_ target: ProvisionedTarget, _ directory: any VersionDirectory) async {
        let configuration = target.configuration
        var versions: [VersionKey: (version: ExecutableVersion, count: Int)] = [:]
        for share in target.shares {
            // One that is not ready yet, or gone, has no environments; its change will be heard of.
            let resolved = try? await directory.resolve(
                function: configuration.functionName,
                qualifier: share.version,
                in: configuration.scope,
                draw: 1
            )
            if let version = resolved?.version { versions[version.key] = (version, share.count) }
        }
        await letGo(configuration.key, but: versions.mapValues(\.count))
        for (version, count) in versions.values { start(version, upTo: count, for: configuration.key) }
    }

    // MARK: Starting

    private func start(_ version: ExecutableVersion, upTo count: Int, for key: ProvisionedConcurrency.Key) {
        let members = state.withLockedValue { state -> [Int] in
            var group = state.groups[key] ?? Group()
            defer { state.groups[key] = group }
            if let retryAt = group.retryAt, clock.now < retryAt { return [] }
            var members: [Int] = []
            while group.count(version.key) < count, state.starting < Self.startsAtOnce {
                state.nextMember += 1
                state.starting += 1
                group.members[state.nextMember] = Member(key: version.key)
                members.append(state.nextMember)
            }
            return members
        }
        for member in members { supply.supervisor.submit { await self.bringUp(version, member, key) } }
    }

    private func bringUp(_ version: ExecutableVersion, _ member: Int, _ key: ProvisionedConcurrency.Key) async {
        let outcome = await supply.provision(version) { environment in
            self.state.withLockedValue { $0.groups[key]?.members[member]?.environment = environment }
        } onEnd: {
            self.state.withLockedValue { $0.groups[key]?.members[member] = nil }
            self.waker.yield()
        }
        state.withLockedValue { state in
            state.starting -= 1
            switch outcome {
            case .ready:
                state.groups[key]?.members[member]?.isReady = true
                state.groups[key]?.failure = nil
            case .failed(let reason):
                state.groups[key]?.members[member] = nil
                state.groups[key]?.failure = reason
                state.groups[key]?.retryAt = clock.now + Self.pauseAfterFailure
            }
        }
        waker.yield()
    }

    // MARK: Letting go

    /// Of each version at most `kept` stay provisioned; idle ones go first, since they are the ones that can end now.
    private func letGo(_ key: ProvisionedConcurrency.Key, but kept: [VersionKey: Int]) async {
        let surplus = state.withLockedValue { state -> [ExecutionEnvironment] in
            guard var group = state.groups[key] else { return [] }
            var left = kept
            var surplus: [ExecutionEnvironment] = []
            for (id, member) in group.members.sorted(by: { $0.key < $1.key }) {
                if let count = left[member.key], count > 0 {
                    left[member.key] = count - 1
                } else if let environment = member.environment {
                    surplus.append(environment)
                    group.members[id] = nil
                }
            }
            state.groups[key] = group.members.isEmpty && kept.isEmpty ? nil : group
            return surplus
        }
        for environment in surplus { await supply.pool.dismiss(environment) }
    }
}
