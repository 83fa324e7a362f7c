// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension FunctionSettings {
    /// What a new function is to be, with AWS's defaults. Layers are attached by the caller.
    init(_ input: CreateFunctionInput, name: String) throws {
        let (runtime, handler) = try Self.program(input)
        self.init(
            runtime: runtime,
            handler: handler,
            role: try Self.role(input.role),
            description: input.description ?? "",
            architecture: try Self.architecture(input.architectures) ?? "x86_64",
            sizes: Sizes(
                timeoutSeconds: input.timeout ?? 3,
                memoryMiB: input.memorySize ?? 128,
                temporaryMiB: input.ephemeralStorage?.size ?? 512
            ),
            tracingMode: input.tracingConfig?.mode?.rawValue ?? TracingMode.passThrough.rawValue,
            logging: FunctionLogging(
                format: LogFormat.text.rawValue,
                applicationLevel: nil,
                systemLevel: nil,
                group: "/aws/lambda/\(name)"
            ).changed(by: input.loggingConfig),
            environment: input.environment.map { $0.variables ?? [:] },
            layers: []
        )
        tenantIsolation = input.tenancyConfig?.tenantIsolationMode.rawValue
        deadLetterTarget = try DeadLetterRules.target(input.deadLetterConfig)
        appliesSnapStart = input.snapStart?.applyOn == .publishedVersions
        fileSystem = try FileSystemRules.mount(input.fileSystemConfigs ?? [])
        try SettingsRules.check(self, isImage: input.packageType == .image)
    }

    /// Both empty for a container image, which brings its own.
    private static func program(_ input: CreateFunctionInput) throws -> (runtime: String, handler: String) {
        let (runtime, handler) = (input.runtime?.rawValue ?? "", input.handler ?? "")
        guard input.packageType == .image else {
            guard !runtime.isEmpty, !handler.isEmpty else {
                throw InvalidParameterValueException(
                    "Runtime and Handler are mandatory parameters for functions created with deployment packages."
                )
            }
            return (runtime, handler)
        }
        guard runtime.isEmpty, handler.isEmpty, input.layers?.isEmpty ?? true else {
            throw InvalidParameterValueException(
                "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
            )
        }
        return ("", "")
    }

    /// Throws InvalidParameterValueException for what only the other package type has.
    func checkPackageType(_ input: UpdateFunctionConfigurationInput) throws {
        if image == nil {
            guard let given = input.imageConfig, !FunctionImage.Overrides(given).isEmpty else { return }
            throw InvalidParameterValueException(
                "Please don't provide ImageConfig when updating a function with packageType Zip."
            )
        }
        guard input.runtime == nil, input.handler?.isEmpty ?? true, input.layers?.isEmpty ?? true else {
            throw InvalidParameterValueException(
                "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
            )
        }
        try input.imageConfig.map(FunctionImage.Overrides.init)?.check()
    }

    /// After UpdateFunctionConfiguration: what it does not name stays. Layers are attached by the caller.
    func changed(by input: UpdateFunctionConfigurationInput) throws -> FunctionSettings {
        var settings = self
        settings.runtime = input.runtime?.rawValue ?? runtime
        settings.handler = image == nil ? input.handler ?? handler : ""
        if let overrides = input.imageConfig { settings.image?.overrides = FunctionImage.Overrides(overrides) }
        settings.role = try input.role.map(Self.role) ?? role
        settings.description = input.description ?? description
        settings.sizes.timeoutSeconds = input.timeout ?? sizes.timeoutSeconds
        settings.sizes.memoryMiB = input.memorySize ?? sizes.memoryMiB
        settings.sizes.temporaryMiB = input.ephemeralStorage?.size ?? sizes.temporaryMiB
        settings.tracingMode = input.tracingConfig?.mode?.rawValue ?? tracingMode
        settings.logging = logging.changed(by: input.loggingConfig)
        if let environment = input.environment { settings.environment = environment.variables ?? [:] }
        if let configs = input.fileSystemConfigs { settings.fileSystem = try FileSystemRules.mount(configs) }
        if let config = input.deadLetterConfig { settings.deadLetterTarget = try DeadLetterRules.target(config) }
        if let applyOn = input.snapStart?.applyOn { settings.appliesSnapStart = applyOn == .publishedVersions }
        // A runtime that has been deprecated since stays as long as nobody touches it.
        try SettingsRules.check(settings, mayKeepRuntime: input.runtime == nil, isImage: image != nil)
        return settings
    }

    private static func role(_ text: String) throws -> String {
        guard let arn = ARN(text), arn.service == "iam", arn.resource.hasPrefix("role"), AccountID(arn.account) != nil
        else {
            throw CommonError.constraint(
                text,
                at: "role",
                "Member must satisfy regular expression pattern: \(Patterns.roleArn.text)"
            )
        }
        return text
    }

    /// Nil when the caller leaves it to AWS.
    static func architecture(_ architectures: [Architecture]?) throws -> String? {
        guard let architectures else { return nil }
        let all = "[\(architectures.map(\.rawValue).joined(separator: ", "))]"
        guard architectures.count == 1, let only = architectures.first else {
            let bound = architectures.isEmpty ? "greater than or equal to 1" : "less than or equal to 1"
            throw CommonError.constraint(all, at: "architectures", "Member must have length \(bound)")
        }
        guard Architecture.allValues.contains(only.rawValue) else {
            let values = Architecture.allValues.joined(separator: ", ")
            throw CommonError.constraint(
                all,
                at: "architectures",
                "Member must satisfy constraint: [Member must satisfy enum value set: [\(values)], Member must not be null]"
            )
        }
        return only.rawValue
    }
}

extension FunctionLogging {
    /// Members that are not named stay; JSON begins with level INFO, Text has no levels.
    func changed(by input: LoggingConfig?) -> FunctionLogging {
        guard let input else { return self }
        let format = input.logFormat?.rawValue ?? self.format
        let isJSON = format == LogFormat.json.rawValue
        return FunctionLogging(
            format: format,
            applicationLevel: input.applicationLogLevel?.rawValue ?? (isJSON ? applicationLevel ?? "INFO" : nil),
            systemLevel: input.systemLogLevel?.rawValue ?? (isJSON ? systemLevel ?? "INFO" : nil),
            group: input.logGroup ?? group
        )
    }
}
