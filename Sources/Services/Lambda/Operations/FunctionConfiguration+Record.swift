// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension FunctionConfiguration {
    /// The whole answer: absent members absent, AWS's defaults present. `qualifier` is how the caller named the version, and
    /// what the ARN ends with.
    init(_ version: VersionRecord, qualifier: String?) {
        let settings = version.settings
        self.init()
        functionName = version.functionName
        functionArn = version.reference.arn(qualifier: qualifier).description
        self.version = version.number.text
        runtime = settings.image == nil ? Runtime(settings.runtime) : nil
        role = settings.role
        handler = settings.image == nil ? settings.handler : nil
        description = settings.description
        timeout = settings.sizes.timeoutSeconds
        memorySize = settings.sizes.memoryMiB
        ephemeralStorage = EphemeralStorage(size: settings.sizes.temporaryMiB)
        fileSystemConfigs = settings.fileSystem.map {
            [FileSystemConfig(arn: $0.arn.description, localMountPath: $0.localPath)]
        }
        deadLetterConfig = settings.deadLetterTarget.map { DeadLetterConfig(targetArn: $0) }
        environment = settings.environment.map { EnvironmentResponse(variables: $0) }
        tracingConfig = TracingConfigResponse(mode: TracingMode(settings.tracingMode))
        architectures = [Architecture(settings.architecture)]
        layers =
            settings.layers.isEmpty
            ? nil : settings.layers.map { Layer(arn: $0.arn.description, codeSize: $0.code.size) }
        loggingConfig = LoggingConfig(settings.logging)
        tenancyConfig = settings.tenantIsolation.map { TenancyConfig(tenantIsolationMode: TenantIsolationMode($0)) }
        packageType = settings.image == nil ? .zip : .image
        imageConfigResponse = settings.image.flatMap {
            $0.overrides.isEmpty ? nil : ImageConfigResponse(imageConfig: $0.overrides.shape)
        }
        snapStart = SnapStartResponse(
            applyOn: settings.appliesSnapStart ? .publishedVersions : SnapStartApplyOn.none,
            optimizationStatus: version.snapStarts ? .on : .off
        )
        codeSize = version.code.size
        codeSha256 = version.codeSum
        lastModified = version.marks.lastModified.lambdaText
        revisionId = version.marks.revisionID
        runtimeVersionConfig =
            settings.image == nil ? RuntimeVersionConfig(runtimeVersionArn: version.runtimeVersionARN) : nil
        setStatus(version.status)
    }

    private mutating func setStatus(_ status: VersionStatus) {
        state = State(status.state)
        stateReason = status.stateReason?.text
        stateReasonCode = status.stateReason.map { StateReasonCode($0.code) }
        lastUpdateStatus = status.update.map { LastUpdateStatus($0) }
        lastUpdateStatusReason = status.updateReason?.text
        lastUpdateStatusReasonCode = status.updateReason.map { LastUpdateStatusReasonCode($0.code) }
    }

    /// Lists leave out what is in motion.
    var listed: FunctionConfiguration {
        var item = self
        (item.state, item.stateReason, item.stateReasonCode) = (nil, nil, nil)
        (item.lastUpdateStatus, item.lastUpdateStatusReason, item.lastUpdateStatusReasonCode) = (nil, nil, nil)
        item.runtimeVersionConfig = nil
        return item
    }
}

extension LoggingConfig {
    init(_ logging: FunctionLogging) {
        self.init(
            logFormat: LogFormat(logging.format),
            applicationLogLevel: logging.applicationLevel.map { ApplicationLogLevel($0) },
            systemLogLevel: logging.systemLevel.map { SystemLogLevel($0) },
            logGroup: logging.group
        )
    }
}

extension VersionRecord {
    /// The pinned one, or the one that the identifier stands for.
    var runtimeVersionARN: String {
        runtimeUpdates.runtimeVersionARN ?? RuntimeCatalog.versionARN(of: settings.runtime, in: scope.region)
    }
}
