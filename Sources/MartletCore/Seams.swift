// SPDX-License-Identifier: Apache-2.0
// The small protocols through which services meet. The composition root fills them; no service imports another.

/// One line of a log stream, before CloudWatch Logs has stored it.
package struct LogRecord: Sendable {
    package var timestamp: Instant
    package var message: String

    package init(timestamp: Instant, message: String) {
        self.timestamp = timestamp
        self.message = message
    }
}

/// Takes the log lines of functions and of other services. CloudWatch Logs is one.
package protocol LogSink: Sendable {
    /// Stores the records in one batch; creates group and stream when they are missing. Off every request's path.
    func append(_ records: [LogRecord], toGroup group: String, stream: String, in scope: Scope) async throws
}

/// Takes measurements, such as `AWS/Lambda` `Duration`.
package protocol MetricSink: Sendable {
    /// Never blocks, never fails: what cannot be kept is dropped and counted.
    func record(_ measurement: Measurement)
}

package struct Measurement: Sendable, Equatable {
    /// One sample, or several of the same period together.
    package struct Statistics: Sendable, Equatable {
        package var samples: Int
        package var sum: Double
        package var minimum: Double
        package var maximum: Double

        package init(samples: Int, sum: Double, minimum: Double, maximum: Double) {
            (self.samples, self.sum, self.minimum, self.maximum) = (samples, sum, minimum, maximum)
        }

        package static func += (all: inout Statistics, more: Statistics) {
            all.samples &+= more.samples
            all.sum += more.sum
            all.minimum = min(all.minimum, more.minimum)
            all.maximum = max(all.maximum, more.maximum)
        }
    }

    package var namespace: String
    package var name: String
    package var dimensions: [String: String]
    package var statistics: Statistics
    /// As CloudWatch names units: `Count`, `Milliseconds`.
    package var unit: String
    /// Of several samples: when their period began.
    package var timestamp: Instant
    package var scope: Scope

    package init(
        namespace: String,
        name: String,
        dimensions: [String: String],
        statistics: Statistics,
        unit: String,
        timestamp: Instant,
        scope: Scope
    ) {
        self.namespace = namespace
        self.name = name
        self.dimensions = dimensions
        self.statistics = statistics
        self.unit = unit
        self.timestamp = timestamp
        self.scope = scope
    }

    package init(
        namespace: String,
        name: String,
        dimensions: [String: String],
        value: Double,
        unit: String,
        timestamp: Instant,
        scope: Scope
    ) {
        self.init(
            namespace: namespace,
            name: name,
            dimensions: dimensions,
            statistics: Statistics(samples: 1, sum: value, minimum: value, maximum: value),
            unit: unit,
            timestamp: timestamp,
            scope: scope
        )
    }
}

/// Keys that a role's session signs with.
package struct SessionCredentials: Sendable, Equatable {
    package var accessKeyID: String
    package var secretAccessKey: String
    package var sessionToken: String
    package var expiresAt: Instant

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String, expiresAt: Instant) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiresAt = expiresAt
    }
}

/// Mints credentials for a role that a service acts as. STS is one.
package protocol CredentialVendor: Sendable {
    /// The credentials carry everything needed to verify them, so a synchronous invoke costs no store write.
    func credentials(forRole role: ARN, sessionName: String, lifetime: Duration) async throws -> SessionCredentials
}

/// What a service asks before it takes a role: does it exist, and does it trust the service?
package enum RoleStanding: Sendable, Equatable {
    case trusts
    case exists
    case missing
}

package protocol RoleDirectory: Sendable {
    /// Whether `role` exists and lets `service` (such as `lambda.amazonaws.com`) assume it.
    func standing(of role: ARN, for service: String) async throws -> RoleStanding
}

/// Encrypts what is secret at rest. KMS will be one; until then a key file of the data directory.
package protocol Cipher: Sendable {
    /// `context` is authenticated, not secret; opening needs the same.
    func seal(_ plaintext: [UInt8], context: String) throws -> [UInt8]
    func open(_ sealed: [UInt8], context: String) throws -> [UInt8]
}
