// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Sets aside a part of the account's concurrency; 0 switches the function off. At least 100 must stay for the others,
    /// and what the function has provisioned must fit in.
    /// AWS: PutFunctionConcurrency
    func putFunctionConcurrency(
        _ input: PutFunctionConcurrencyInput,
        _ context: RequestContext
    ) async throws -> PutFunctionConcurrencyOutput {
        let reference = try unqualified(input.functionName, context)
        let wanted = input.reservedConcurrentExecutions
        guard wanted >= 0 else {
            throw CommonError.constraint(
                String(wanted),
                at: "reservedConcurrentExecutions",
                "Member must have value greater than or equal to 0"
            )
        }
        try await changes.of(reference.name, in: reference.scope) { tx in
            var function = try tx.existingFunction(
                reference,
                showing: reference.arn(qualifier: VersionNumber.latestName)
            )
            try tx.checkRoom(forReserved: wanted, function)
            function.reservedConcurrency = wanted
            try tx.update(function)
        }
        return PutFunctionConcurrencyOutput(reservedConcurrentExecutions: wanted)
    }

    /// AWS: GetFunctionConcurrency
    func getFunctionConcurrency(
        _ input: GetFunctionConcurrencyInput,
        _ context: RequestContext
    ) async throws -> GetFunctionConcurrencyOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let function = try await store.read { try $0.existingFunction(reference) }
        return GetFunctionConcurrencyOutput(reservedConcurrentExecutions: function.reservedConcurrency)
    }

    /// AWS: DeleteFunctionConcurrency
    func deleteFunctionConcurrency(
        _ input: DeleteFunctionConcurrencyInput,
        _ context: RequestContext
    ) async throws -> DeleteFunctionConcurrencyOutput {
        let reference = try unqualified(input.functionName, context)
        try await changes.of(reference.name, in: reference.scope) { tx in
            var function = try tx.existingFunction(reference)
            function.reservedConcurrency = nil
            try tx.update(function)
        }
        return DeleteFunctionConcurrencyOutput()
    }

    private func unqualified(_ text: String, _ context: RequestContext) throws -> FunctionReference {
        let reference = try FunctionReference(text, in: context.scope)
        guard reference.qualifier == nil else {
            throw InvalidParameterValueException(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN."
            )
        }
        return reference
    }

    /// Limits and use of the caller's account in the region. AWS: GetAccountSettings
    func getAccountSettings(
        _ input: GetAccountSettingsInput,
        _ context: RequestContext
    ) async throws -> GetAccountSettingsOutput {
        let usage = try await store.read { try $0.usage(in: context.scope) }
        return GetAccountSettingsOutput(
            accountLimit: AccountLimit(
                totalCodeSize: PackageIntake.storageBytes,
                codeSizeUnzipped: PackageLimits().unpackedBytes,
                codeSizeZipped: PackageIntake.archiveBytes,
                concurrentExecutions: AccountQuotas.concurrency,
                unreservedConcurrentExecutions: max(0, AccountQuotas.concurrency - usage.reservedConcurrency)
            ),
            accountUsage: AccountUsage(totalCodeSize: usage.codeBytes, functionCount: usage.functions)
        )
    }
}

extension LambdaReading {
    fileprivate func checkRoom(forReserved wanted: Int, _ function: FunctionRecord) throws {
        let provisioned = try provisionedTotal(of: function.name, in: function.scope)
        // What the function itself claims now is within the reservation then.
        let others = try claimedConcurrency(in: function.scope).total - (function.reservedConcurrency ?? provisioned)
        guard wanted <= AccountQuotas.concurrency - AccountQuotas.unreserved - others else {
            throw InvalidParameterValueException(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [\(AccountQuotas.unreserved)]."
            )
        }
        guard wanted >= provisioned else {
            throw InvalidParameterValueException(
                " ReservedConcurrentExecutions  \(wanted) should not be lower than function's total provisioned concurrency [\(provisioned)]."
            )
        }
    }
}

/// AWS's figures of an account in one region.
enum AccountQuotas {
    static let concurrency = LambdaLimits.accountConcurrency
    /// What reservations must leave.
    static let unreserved = 100
}
