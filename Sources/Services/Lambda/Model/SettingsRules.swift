// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What AWS demands of a function's settings beyond the constraints of its model.
enum SettingsRules {
    static let timeoutSeconds = 1...900
    static let memoryMiB = 128...10_240
    static let temporaryMiB = 512...10_240
    static let environmentBytes = 4_096
    static let layers = 5
    static let descriptionCharacters = 256
    static let handlerBytes = 128

    static func check(_ settings: FunctionSettings, mayKeepRuntime: Bool = false, isImage: Bool = false) throws {
        if !mayKeepRuntime, !isImage { try RuntimeCatalog.check(settings.runtime) }
        try check(settings.sizes)
        try checkDescription(settings)
        if !isImage { try checkHandler(settings) }
        try EnvironmentRules.check(settings.environment ?? [:])
        try check(settings.logging)
        if settings.appliesSnapStart { try SnapStartRules.check(settings, isImage: isImage) }
    }

    private static func check(_ sizes: FunctionSettings.Sizes) throws {
        try check(sizes.timeoutSeconds, in: timeoutSeconds, at: "timeout")
        try check(sizes.temporaryMiB, in: temporaryMiB, at: "ephemeralStorage.size")
        guard memoryMiB.contains(sizes.memoryMiB) else {
            let bound =
                sizes.memoryMiB < memoryMiB.lowerBound
                ? "greater than or equal to \(memoryMiB.lowerBound)" : "less than or equal to \(memoryMiB.upperBound)"
            throw InvalidParameterValueException(
                "'MemorySize' value failed to satisfy constraint: Member must have value \(bound)"
            )
        }
    }

    private static func check(_ value: Int, in range: ClosedRange<Int>, at member: String) throws {
        if value < range.lowerBound {
            throw CommonError.constraint(
                String(value),
                at: member,
                "Member must have value greater than or equal to \(range.lowerBound)"
            )
        }
        if value > range.upperBound {
            throw CommonError.constraint(
                String(value),
                at: member,
                "Member must have value less than or equal to \(range.upperBound)"
            )
        }
    }

    private static func checkDescription(_ settings: FunctionSettings) throws {
        if settings.description.unicodeScalars.count > descriptionCharacters {
            throw CommonError.constraint(
                settings.description,
                at: "description",
                "Member must have length less than or equal to \(descriptionCharacters)"
            )
        }
    }

    private static func checkHandler(_ settings: FunctionSettings) throws {
        if settings.handler.utf8.count > handlerBytes {
            throw CommonError.constraint(
                settings.handler,
                at: "handler",
                "Member must have length less than or equal to \(handlerBytes)"
            )
        }
        // A package's handler is found by name, so it has no spaces; zero bytes could not be handed to a process.
        if settings.handler.isEmpty || settings.handler.unicodeScalars.contains(where: { $0.value <= 0x20 }) {
            throw CommonError.constraint(
                settings.handler,
                at: "handler",
                "Member must satisfy regular expression pattern: \(Patterns.handler.text)"
            )
        }
    }

    private static func check(_ logging: FunctionLogging) throws {
        guard logging.format == "Text", logging.applicationLevel != nil || logging.systemLevel != nil else { return }
        throw InvalidParameterValueException(
            "ApplicationLogLevel and SystemLogLevel can be set only when LogFormat is JSON."
        )
    }

    /// `codeBytes` and the layers' unpacked bytes share one limit.
    static func checkUnpackedSize(_ code: CodePackage, _ layers: [AttachedLayer]) throws {
        let limit = PackageLimits().unpackedBytes
        let total = layers.reduce(code.unpackedSize) { $0 &+ $1.code.unpackedSize }
        guard total >= limit else { return }
        throw InvalidParameterValueException(
            "Function code combined with layers exceeds the maximum allowed size of \(limit) bytes. The actual size is \(total) bytes."
        )
    }
}

/// Environment variables that a function may bring.
enum EnvironmentRules {
    /// Lambda sets these itself.
    static let reserved: Set<String> = [
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN",
    ]

    private static let refusal =
        "Lambda was unable to configure your environment variables because the environment variables you have provided"

    static func check(_ variables: [String: String]) throws {
        let taken = variables.keys.filter(reserved.contains).sorted()
        guard taken.isEmpty else {
            throw InvalidParameterValueException(
                "\(refusal) contains reserved keys that are currently not supported for modification. Reserved keys used in this request: \(taken.joined(separator: ", "))"
            )
        }
        let pairs = variables.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
        let measured = JSONValue.object(pairs).compactText
        guard measured.utf8.count <= SettingsRules.environmentBytes else {
            throw InvalidParameterValueException("\(refusal) exceeded the 4KB limit. String measured: \(measured)")
        }
        try checkCharacters(variables)
    }

    /// No process can be given these; the model's pattern forbids them in names already.
    private static func checkCharacters(_ variables: [String: String]) throws {
        for (name, value) in variables where name.isEmpty || name.contains("=") || (name + value).utf8.contains(0) {
            throw InvalidParameterValueException("\(refusal) contains characters that are not allowed.")
        }
    }
}
