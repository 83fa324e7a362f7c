// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Members that AWS takes and Martlet cannot honour yet: refused by name, unless they ask for nothing. SDKs and Terraform send
/// empty structures for what was never set.
enum Unsupported {
    static func check(_ input: CreateFunctionInput) throws {
        try check(input.vpcConfig, input.kmsKeyArn)
        let isImage = input.packageType == .image
        if !isImage, let image = input.imageConfig, !FunctionImage.Overrides(image).isEmpty {
            throw InvalidParameterValueException(
                "Please don't provide ImageConfig when creating a function with packageType Zip."
            )
        }
        if !isImage, input.code.imageUri?.isEmpty == false {
            throw InvalidParameterValueException(
                "Please don't provide ImageUri when creating a function with packageType Zip."
            )
        }
        try refuse(input.codeSigningConfigArn, "CodeSigningConfigArn")
        try refuse(input.publishTo, "PublishTo")
        try checkCode(
            s3Bucket: input.code.s3Bucket,
            sourceKMSKeyArn: input.code.sourceKMSKeyArn
        )
        try check(input.capacityProviderConfig, input.durableConfig, input.runtimeConfig, input.acceleratorConfig)
    }

    static func check(_ input: UpdateFunctionConfigurationInput) throws {
        try check(input.vpcConfig, input.kmsKeyArn)
        try check(input.capacityProviderConfig, input.durableConfig, input.runtimeConfig, input.acceleratorConfig)
    }

    static func check(_ input: UpdateFunctionCodeInput) throws {
        try refuse(input.publishTo, "PublishTo")
        try checkCode(s3Bucket: input.s3Bucket, sourceKMSKeyArn: input.sourceKMSKeyArn)
    }

    static func checkCode(s3Bucket: String?, sourceKMSKeyArn: String?) throws {
        try refuse(s3Bucket, "code from S3 (S3Bucket)")
        try refuse(sourceKMSKeyArn, "SourceKMSKeyArn")
    }

    private static func check(
        _ vpc: VpcConfig?,
        _ key: String?
    ) throws {
        if vpc?.subnetIds?.isEmpty == false || vpc?.securityGroupIds?.isEmpty == false
            || vpc?.ipv6AllowedForDualStack == true
        {
            throw CommonError.notImplemented("VpcConfig")
        }
        try refuse(key, "KMSKeyArn")
    }

    private static func check(
        _ capacity: CapacityProviderConfig?,
        _ durable: DurableConfig?,
        _ runtime: FunctionRuntimeConfig?,
        _ accelerator: AcceleratorConfig?
    ) throws {
        try refuse(capacity, "CapacityProviderConfig")
        if durable?.executionTimeout != nil || durable?.retentionPeriodInDays != nil
            || durable?.kmsKeyArn?.isEmpty == false
        {
            throw CommonError.notImplemented("DurableConfig")
        }
        try refuse(runtime, "RuntimeConfig")
        try refuse(accelerator, "AcceleratorConfig")
    }

    private static func refuse(_ text: String?, _ member: String) throws {
        if text?.isEmpty == false { throw CommonError.notImplemented(member) }
    }

    private static func refuse<Member>(_ member: Member?, _ name: String) throws {
        if member != nil { throw CommonError.notImplemented(name) }
    }
}
