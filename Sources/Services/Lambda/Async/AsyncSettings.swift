// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How a function, version or alias wants its asynchronous events treated.
struct AsyncSettings: Sendable, Equatable {
    static let retries = 0...2
    static let ageSeconds = 60...21_600

    /// After the function has failed; throttles do not count.
    var maximumRetries = retries.upperBound
    var maximumAge: Duration = .seconds(ageSeconds.upperBound)
    /// Reserved concurrency 0: events are not even tried.
    var isStopped = false
    var onSuccess: ARN?
    var onFailure: ARN?
    var deadLetters: ARN?
    /// The function's role, as which its results are written.
    var role: ARN?
}

/// Where the settings are found. The control plane's store is one; tests have their own.
protocol AsyncSettingsSource: Sendable {
    /// Nil when there is no such function, version or alias (any more).
    func asyncSettings(of function: FunctionReference) async throws -> AsyncSettings?
}

struct StoredAsyncSettings: AsyncSettingsSource {
    let store: LambdaStore

    func asyncSettings(of function: FunctionReference) async throws -> AsyncSettings? {
        try await store.read { tx in
            guard let record = try tx.function(function.name, in: function.scope),
                let number = try? tx.target(of: function).version,  // no such alias: nothing to deliver to
                let outcome = try tx.outcomeSettings(of: number, of: function)
            else { return nil }
            let qualifier = function.qualifier ?? VersionNumber.latestName
            let stored = try tx.eventSettings(of: function.name, qualifier: qualifier, in: function.scope)
            var settings = AsyncSettings(deadLetters: outcome.deadLetters, role: outcome.role)
            settings.isStopped = record.reservedConcurrency == 0
            settings.maximumRetries = stored?.maximumRetries ?? settings.maximumRetries
            if let seconds = stored?.maximumAgeSeconds { settings.maximumAge = .seconds(seconds) }
            settings.onSuccess = stored?.onSuccess.flatMap { ARN($0) }
            settings.onFailure = stored?.onFailure.flatMap { ARN($0) }
            return settings
        }
    }
}
