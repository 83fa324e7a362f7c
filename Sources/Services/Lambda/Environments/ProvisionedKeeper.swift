// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Sandbox
import ServiceLifecycle

/// Sees to it that there are as many initialised environments as provisioned concurrency asks for: starts what is missing,
/// replaces what has ended and, one after the other, what gets old; lets go of what is too many.
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
        /// An older one that goes as soon as this one is ready.
        var successorOf: Int?
    }

    private struct Group {
        var members: [Int: Member] = [:]
        var failure: String?
        /// After a failure, not before.
        var retryAt: Instant?

        func count(_ key: VersionKey) -> Int { members.values.count { $0.key == key && !isSpare($0) } }

        /// Beyond the number that is asked for, until it takes another one's place.
        func isSpare(_ member: Member) -> Bool { member.successorOf.map { members[$0] != nil } ?? false }
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
                allocated: group.members.values.count { $0.environment != nil && !group.isSpare($0) },
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
        for (version, count) in versions.values {
            start(version, upTo: count, for: configuration.key)
            renew(version, for: configuration.key)
        }
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

    /// Before the pool would find it too old and let a request wait for another. One of a version at a time, so that there is
    /// never more than one too many.
    private func renew(_ version: ExecutableVersion, for key: ProvisionedConcurrency.Key) {
        let member = state.withLockedValue { state -> Int? in
            guard var group = state.groups[key], state.starting < Self.startsAtOnce else { return nil }
            if let retryAt = group.retryAt, clock.now < retryAt { return nil }
            let members = group.members.filter { $0.value.key == version.key }
            guard members.values.allSatisfy(\.isReady) else { return nil }
            let ageing = members.filter { _, member in member.environment.map(supply.pool.isAgeing) ?? false }
            guard let oldest = ageing.keys.min() else { return nil }
            state.nextMember += 1
            state.starting += 1
            group.members[state.nextMember] = Member(key: version.key, successorOf: oldest)
            state.groups[key] = group
            return state.nextMember
        }
        guard let member else { return }
        supply.supervisor.submit { await self.bringUp(version, member, key) }
    }

    private func bringUp(_ version: ExecutableVersion, _ member: Int, _ key: ProvisionedConcurrency.Key) async {
        let outcome = await supply.provision(version) { environment in
            self.state.withLockedValue { $0.groups[key]?.members[member]?.environment = environment }
        } onEnd: {
            self.state.withLockedValue { self.forget(member, key, &$0) }
            self.waker.yield()
        }
        let predecessor = state.withLockedValue { state -> ExecutionEnvironment? in
            state.starting -= 1
            switch outcome {
            case .ready: return becameReady(member, key, &state)
            case .failed(let reason):
                forget(member, key, &state)
                state.groups[key]?.failure = reason
                state.groups[key]?.retryAt = clock.now + Self.pauseAfterFailure
                return nil
            }
        }
        if let predecessor { await supply.pool.dismiss(predecessor) }
        waker.yield()
    }

    /// Returns the one whose place it takes.
    private func becameReady(
        _ member: Int,
        _ key: ProvisionedConcurrency.Key,
        _ state: inout State
    ) -> ExecutionEnvironment? {
        state.groups[key]?.failure = nil
        // It may have ended, or be let go, already.
        guard let found = state.groups[key]?.members[member] else { return nil }
        state.groups[key]?.members[member]?.isReady = true
        supply.ledger.provide(found.key)
        guard let old = found.successorOf else { return nil }
        defer { forget(old, key, &state) }
        return state.groups[key]?.members[old]?.environment
    }

    private func forget(_ member: Int, _ key: ProvisionedConcurrency.Key, _ state: inout State) {
        guard let gone = state.groups[key]?.members.removeValue(forKey: member), gone.isReady else { return }
        supply.ledger.withdraw(gone.key)
    }

    // MARK: Letting go

    /// Of each version at most `kept` stay provisioned; idle ones go first, since they are the ones that can end now.
    private func letGo(_ key: ProvisionedConcurrency.Key, but kept: [VersionKey: Int]) async {
        let surplus = state.withLockedValue { state -> [ExecutionEnvironment] in
            guard var group = state.groups[key] else { return [] }
            var left = kept
            var surplus: [ExecutionEnvironment] = []
            for (id, member) in group.members.sorted(by: { $0.key < $1.key }) {
                // A successor is kept as long as what it succeeds.
                if group.isSpare(member) { continue }
                if let count = left[member.key], count > 0 {
                    left[member.key] = count - 1
                } else if let environment = member.environment {
                    surplus.append(environment)
                    forget(id, key, &state)
                    group.members[id] = nil
                }
            }
            if group.members.isEmpty && kept.isEmpty { state.groups[key] = nil }
            return surplus
        }
        for environment in surplus { await supply.pool.dismiss(environment) }
    }
}
