// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// An HTTP address of a function or an alias. AWS: FunctionUrlConfig
struct FunctionURL: Sendable, Equatable {
    /// The first label of the host name, unique in the whole store.
    var id: String
    var scope: Scope
    var functionName: String
    /// `$LATEST` for the function itself, or an alias.
    var qualifier: String
    /// `NONE` or `AWS_IAM`
    var authType: String
    /// `BUFFERED` or `RESPONSE_STREAM`
    var invokeMode: String
    var cors: CrossOrigin?
    var created: Instant
    var lastModified: Instant

    /// AWS: Cors
    struct CrossOrigin: Sendable, Equatable {
        var allowCredentials: Bool?
        var allowHeaders: [String]?
        var allowMethods: [String]?
        var allowOrigins: [String]?
        var exposeHeaders: [String]?
        var maxAgeSeconds: Int?
    }

    var functionARN: ARN {
        let suffix = qualifier == VersionNumber.latestName ? "" : ":\(qualifier)"
        return scope.arn("lambda", "function:\(functionName)\(suffix)")
    }
}

/// How asynchronous events of one qualifier are handled. AWS: FunctionEventInvokeConfig
struct EventInvokeSettings: Sendable, Equatable {
    var scope: Scope
    var functionName: String
    var qualifier: String
    var maximumRetries: Int?
    var maximumAgeSeconds: Int?
    /// ARNs of what is told of a success and of a failure.
    var onSuccess: String?
    var onFailure: String?
    var lastModified: Instant

    var functionARN: ARN { scope.arn("lambda", "function:\(functionName):\(qualifier)") }
}
